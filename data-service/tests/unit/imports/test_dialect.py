"""Delimiters and columns found by name."""

import pytest

from data_service.imports.domain.columns import match_columns
from data_service.imports.domain.dialect import detect_dialect
from data_service.imports.domain.kinds import RULES, ImportKind
from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.problems import UnreadableFileError

CANONICAL = {
    ImportKind.SALES: "date,sku,quantity,price",
    ImportKind.PRODUCTS: "sku,name,category,supplier,unit,pack_size,moq,cost,price",
    ImportKind.SUPPLIERS: "supplier,name,lead_time_days,min_order_value,currency,order_weekdays",
    ImportKind.STOCK: "date,sku,on_hand,reserved",
    ImportKind.PURCHASE_ORDERS: "order_number,supplier,sku,quantity,ordered_on,expected_on,received_on,received_quantity",
}


def columns_of(header: str, kind: ImportKind = ImportKind.SALES) -> dict[str, str]:
    dialect = detect_dialect(header.encode(), RULES[kind], ReadLimits())
    return {name: dialect.header[position] for name, position in dialect.match.positions.items()}


@pytest.mark.parametrize("kind", list(ImportKind))
def test_our_own_column_names_are_all_matched(kind: ImportKind) -> None:
    names = CANONICAL[kind].split(",")
    assert columns_of(CANONICAL[kind], kind) == {name: name for name in names}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_under_which_columns_are_found(delimiter: str) -> None:
    header = delimiter.join(["Дата", "Артикул", "Кол-во", "Цена, руб", "Склад"])
    found = detect_dialect(header.encode(), RULES[ImportKind.SALES], ReadLimits())
    assert found.delimiter == delimiter or delimiter == ","
    assert {"date", "sku", "quantity"} <= set(found.match.positions)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("ДАТА;Код;КОЛИЧЕСТВО", {"date": "ДАТА", "sku": "Код", "quantity": "КОЛИЧЕСТВО"}),
        ("InvoiceDate,StockCode,Quantity,UnitPrice", {"date": "InvoiceDate", "sku": "StockCode", "quantity": "Quantity", "price": "UnitPrice"}),
        ("Sale Date\tItem\tQty\tStore", {"date": "Sale Date", "sku": "Item", "quantity": "Qty", "warehouse": "Store"}),
        ("\ufeffdate,article,qty", {"date": "date", "sku": "article", "quantity": "qty"}),
        ("sep=;\ndate;sku;quantity", {"date": "date", "sku": "sku", "quantity": "quantity"}),
        ('"date","sku","quantity"', {"date": "date", "sku": "sku", "quantity": "quantity"}),
    ],
)  # fmt: skip
def test_synonyms_in_russian_and_english_are_matched(header: str, expected: dict[str, str]) -> None:
    assert columns_of(header) == expected


def test_our_own_name_wins_over_a_synonym_standing_before_it() -> None:
    assert columns_of("код,date,sku,quantity") == {"date": "date", "sku": "sku", "quantity": "quantity"}


def test_a_column_is_taken_for_one_thing_only() -> None:
    match = match_columns(["date", "sku", "quantity", "amount"], RULES[ImportKind.SALES])
    assert match.ignored == ("amount",)
    assert len(set(match.positions.values())) == 3


def test_a_missing_column_is_named_with_what_was_seen_and_what_would_be_accepted() -> None:
    with pytest.raises(UnreadableFileError) as caught:
        columns_of("date,price,colour")
    assert caught.value.code == "missing_column"
    for word in ("'sku'", "артикул", "'quantity'", "количество", "'colour'"):
        assert word in caught.value.detail


@pytest.mark.parametrize(("header", "code"), [("", "empty_file"), ("\n\n", "empty_file"), (",".join(["sku"] * 2000), "too_many_columns")])  # fmt: skip
def test_a_header_that_is_none_is_refused(header: str, code: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        columns_of(header)
    assert caught.value.code == code
