"""Makes the five files of the sample company; the same seed and last day give the same bytes."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from local.sample.catalogue import SUPPLIERS, Articles, make_articles
from local.sample.demand import Demand, make_demand
from local.sample.dirt import soil
from local.sample.warehouse import History, play

DAYS = 730
ARTICLES = 300
SEED = 20_261_122
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class SampleCompany:
    """`dirt`: kind to number of such rows in the sales file; `sales_rows` counts all of its rows."""

    files: tuple[Path, ...]
    articles: int
    sales_rows: int
    dirt: dict[str, int]
    days_out_of_stock: int
    open_orders: int


@dataclass(frozen=True)
class _Period:
    last: date

    @property
    def first(self) -> date:
        return self.last - timedelta(days=DAYS - 1)

    def text(self, day: int) -> str:
        return (self.first + timedelta(days=day)).isoformat()


def make_sample(folder: Path, last_day: date, seed: int = SEED, articles: int = ARTICLES) -> SampleCompany:
    random = np.random.default_rng(seed)
    period = _Period(last_day)
    catalogue = make_articles(random, articles)
    demand = make_demand(random, catalogue, period.first.toordinal(), DAYS)
    history = play(random, catalogue, demand, period.first.toordinal())
    rows, dirt = soil(random, _sales(catalogue, demand, history, period))
    open_orders = sum(line.received_day >= DAYS for line in history.orders)
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "products.csv": _products(catalogue),
        "suppliers.csv": _suppliers(),
        "stock.csv": _stock(random, catalogue, history, period),
        "purchase_orders.csv": _purchase_orders(catalogue, history, period),
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    _write_sales(folder / "sales.csv.gz", rows)
    paths = tuple(folder / name for name in ("products.csv", "suppliers.csv", "sales.csv.gz", "stock.csv"))
    return SampleCompany(
        files=(*paths, folder / "purchase_orders.csv"),
        articles=catalogue.count,
        sales_rows=len(rows),
        dirt=dirt,
        days_out_of_stock=history.days_out,
        open_orders=open_orders,
    )


def _write_sales(path: Path, rows: Iterable[tuple[str, str, str, str]]) -> None:
    text = "date,sku,quantity,price\n" + "".join(f"{','.join(row)}\n" for row in rows)
    with path.open("wb") as file, gzip.GzipFile("", "wb", compresslevel=4, fileobj=file, mtime=0) as packed:
        packed.write(text.encode())


def _sales(articles: Articles, demand: Demand, history: History, period: _Period) -> list[tuple[str, str, str, str]]:
    texts = [period.text(day) for day in range(DAYS)]
    return [
        (texts[day], sku, str(quantity), f"{price:.2f}")
        for article, sku in enumerate(articles.sku)
        for day, quantity, price, on_sale in zip(
            range(DAYS),
            history.sold[:, article].tolist(),
            demand.price[:, article].tolist(),
            demand.on_sale[:, article].tolist(),
            strict=True,
        )
        if on_sale
    ]


def _products(articles: Articles) -> list[str]:
    lines = ["sku,name,category,supplier,unit,pack_size,moq,cost,price"]
    for number, sku in enumerate(articles.sku):
        supplier = SUPPLIERS[int(articles.supplier[number])].code
        terms = f"pcs,{articles.pack_size[number]},{articles.moq[number]}"
        money = f"{articles.cost[number]:.2f},{articles.price[number]:.2f}"
        lines.append(f'{sku},"{articles.name[number]}",{articles.category_name(number)},{supplier},{terms},{money}')
    return lines


def _suppliers() -> list[str]:
    lines = ["supplier,name,lead_time_days,min_order_value,currency,order_weekdays"]
    for each in SUPPLIERS:
        weekdays = ",".join(_WEEKDAYS[day] for day in each.order_weekdays)
        terms = f"{each.lead_time_days},{each.min_order_value},{each.currency}"
        lines.append(f'{each.code},{each.name},{terms},"{weekdays}"')
    return lines


def _stock(random: np.random.Generator, articles: Articles, history: History, period: _Period) -> list[str]:
    reserved = np.minimum(history.on_hand, random.binomial(6, 0.1, articles.count))
    day = period.last.isoformat()
    rows = zip(articles.sku, history.on_hand.tolist(), reserved.tolist(), strict=True)
    return ["date,sku,on_hand,reserved", *(f"{day},{sku},{units},{held}" for sku, units, held in rows)]


def _purchase_orders(articles: Articles, history: History, period: _Period) -> list[str]:
    header = "order_number,supplier,sku,quantity,ordered_on,expected_on,received_on,received_quantity"
    lines = [header]
    for number, line in enumerate(history.orders, start=1):
        supplier = SUPPLIERS[int(articles.supplier[line.article])].code
        is_open = line.received_day >= DAYS
        received = ",0" if is_open else f"{period.text(line.received_day)},{line.quantity}"
        dates = f"{period.text(line.ordered_day)},{period.text(line.expected_day)}"
        lines.append(f"PO-{number:06d},{supplier},{articles.sku[line.article]},{line.quantity},{dates},{received}")
    return lines
