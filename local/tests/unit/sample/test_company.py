"""The sample company is what it says it is."""

import csv
import gzip
import time
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local.sample.company import ARTICLES, DAYS, SampleCompany, make_sample
from local.sample.dirt import UNREADABLE

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sample")


@pytest.fixture(scope="module")
def company(folder: Path) -> SampleCompany:
    return make_sample(folder, date(2026, 11, 21))


def read(path: Path) -> Rows:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sales(company: SampleCompany, folder: Path) -> Rows:
    return read(folder / "sales.csv.gz")


@pytest.fixture(scope="module")
def clean(sales: Rows, folder: Path, company: SampleCompany) -> Rows:
    known = {row["sku"] for row in read(folder / "products.csv")}
    return [row for row in sales if not unreadable(row, known)]


def unreadable(row: dict[str, str], known: set[str]) -> str | None:
    if int(row["date"][5:7]) > 12:
        return "impossible_date"
    if row["price"].startswith("-"):
        return "negative_price"
    if row["sku"] not in known:
        return "unknown_article"
    return None if row["quantity"].isdigit() else "wrong_number"


def test_the_same_seed_and_day_give_the_same_bytes(tmp_path: Path, company: SampleCompany) -> None:
    again = make_sample(tmp_path, date(2026, 11, 21))
    assert [file.read_bytes() for file in again.files] == [file.read_bytes() for file in company.files]


def test_another_seed_gives_other_sales(tmp_path: Path, company: SampleCompany) -> None:
    other = make_sample(tmp_path, date(2026, 11, 21), seed=1)
    assert other.files[2].read_bytes() != company.files[2].read_bytes()


def test_it_is_made_in_under_five_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    make_sample(tmp_path, date(2026, 11, 21))
    assert time.monotonic() - began < 5


def test_columns_are_those_of_the_real_retail_files(company: SampleCompany, folder: Path) -> None:
    headers = {file.name: list(read(file)[0]) for file in company.files}
    assert headers == {
        "sales.csv.gz": ["date", "sku", "quantity", "price"],
        "products.csv": ["sku", "name", "category", "supplier", "unit", "pack_size", "moq", "cost", "price"],
        "suppliers.csv": ["supplier", "name", "lead_time_days", "min_order_value", "currency", "order_weekdays"],
        "stock.csv": ["date", "sku", "on_hand", "reserved"],
        "purchase_orders.csv": [
            "order_number",
            "supplier",
            "sku",
            "quantity",
            "ordered_on",
            "expected_on",
            "received_on",
            "received_quantity",
        ],
    }


def test_it_has_300_articles_8_suppliers_and_two_years(company: SampleCompany, folder: Path, clean: Rows) -> None:
    days = {row["date"] for row in clean}
    assert (company.articles, len(read(folder / "products.csv"))) == (ARTICLES, ARTICLES)
    assert len(read(folder / "suppliers.csv")) == 8
    assert len(days) == DAYS
    assert (max(days), min(days)) == ("2026-11-21", str(date(2026, 11, 21) - timedelta(days=DAYS - 1)))


def test_the_dirt_in_the_file_is_the_dirt_that_was_counted(company: SampleCompany, folder: Path, sales: Rows) -> None:
    known = {row["sku"] for row in read(folder / "products.csv")}
    found: Counter[Any] = Counter(unreadable(row, known) for row in sales)
    commas = sum("," in row["price"] for row in sales)
    repeated = sum(number - 1 for number in Counter(tuple(row.values()) for row in sales).values())
    assert {kind: found[kind] for kind in UNREADABLE} == {kind: company.dirt[kind] for kind in UNREADABLE}
    assert (commas, repeated) == (company.dirt["decimal_comma"], company.dirt["duplicate"])
    assert len(sales) == company.sales_rows


def test_weekends_summers_and_promotions_show_in_the_sales(folder: Path, clean: Rows) -> None:
    category = {row["sku"]: row["category"] for row in read(folder / "products.csv")}
    by_weekday: Counter[int] = Counter()
    drinks_by_month: Counter[str] = Counter()
    for row in clean:
        quantity = int(row["quantity"])
        by_weekday[date.fromisoformat(row["date"]).weekday()] += quantity
        if category[row["sku"]] == "Drinks":
            drinks_by_month[row["date"][5:7]] += quantity
    assert by_weekday[5] > 1.3 * by_weekday[0]
    assert drinks_by_month["07"] > 1.5 * drinks_by_month["01"]
    prices = Counter((row["sku"], row["price"]) for row in clean)
    usual = {
        sku: float(price) for (sku, price), _ in sorted(prices.items(), key=lambda item: item[1]) if "," not in price
    }
    cut = [row for row in clean if "," not in row["price"] and float(row["price"]) < 0.88 * usual[row["sku"]]]
    assert len(cut) > 1000


def test_some_articles_are_intermittent_and_some_began_later(clean: Rows) -> None:
    days: dict[str, list[int]] = {}
    for row in clean:
        days.setdefault(row["sku"], []).append(int(row["quantity"]))
    idle = [np.mean(np.array(quantities) == 0) for quantities in days.values()]
    assert sum(share > 0.7 for share in idle) > 30
    assert sum(len(quantities) < DAYS - 100 for quantities in days.values()) > 10


def test_shelves_run_empty_and_some_are_empty_now(company: SampleCompany, folder: Path) -> None:
    on_hand = [int(row["on_hand"]) for row in read(folder / "stock.csv")]
    assert company.days_out_of_stock > 1000
    assert sum(units == 0 for units in on_hand) >= 5
    assert min(on_hand) >= 0


def test_orders_respect_packs_and_minimums_and_some_are_open(company: SampleCompany, folder: Path) -> None:
    terms = {row["sku"]: (int(row["pack_size"]), int(row["moq"])) for row in read(folder / "products.csv")}
    orders = read(folder / "purchase_orders.csv")
    for row in orders:
        pack, minimum = terms[row["sku"]]
        assert int(row["quantity"]) % pack == 0
        assert int(row["quantity"]) >= minimum
    unreceived = [row for row in orders if not row["received_on"]]
    assert len(unreceived) == company.open_orders > 20
    assert all(row["received_quantity"] == "0" for row in unreceived)


def test_two_suppliers_are_late_and_the_others_keep_their_word(folder: Path, company: SampleCompany) -> None:
    delays: dict[str, list[int]] = {}
    for row in read(folder / "purchase_orders.csv"):
        if row["received_on"]:
            late = date.fromisoformat(row["received_on"]) - date.fromisoformat(row["expected_on"])
            delays.setdefault(row["supplier"], []).append(late.days)
    mean = {supplier: float(np.mean(days)) for supplier, days in delays.items()}
    assert mean["S04"] > 3
    assert mean["S06"] > 5
    assert abs(mean["S01"]) < 0.5


def test_stock_balances_with_sales_and_receipts(folder: Path, clean: Rows) -> None:
    """What came in and did not go out lies on the shelf; all articles start with some stock that the files do not name."""
    sold: Counter[str] = Counter()
    for key in dict.fromkeys((row["sku"], row["date"], row["quantity"]) for row in clean):
        sold[key[0]] += int(key[2])
    received: Counter[str] = Counter()
    for row in read(folder / "purchase_orders.csv"):
        received[row["sku"]] += int(row["received_quantity"])
    starts = [int(row["on_hand"]) + sold[row["sku"]] - received[row["sku"]] for row in read(folder / "stock.csv")]
    # Rows that were soiled are missing from `sold`: at most a few per article.
    assert sum(start >= 0 for start in starts) >= 0.97 * len(starts)


def test_sales_are_in_order_of_article_and_day(clean: Rows) -> None:
    keys = [(row["sku"], row["date"]) for row in clean]
    assert sum(later < earlier for earlier, later in pairwise(keys)) <= 150  # duplicates follow at the end
