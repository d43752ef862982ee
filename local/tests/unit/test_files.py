"""Telling from the header what a file holds."""

import gzip
from pathlib import Path

import pytest

from local.errors import UsageError
from local.files import KINDS, kinds_of, recognise
from local.sample.company import make_sample


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("date,sku,quantity,price", "sales"),
        ("Дата;Артикул;Кол-во;Цена", "sales"),
        ("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice", "sales"),
        ("sku,name,category,supplier,unit,pack_size,moq,cost,price", "products"),
        ("Код товара\tНаименование\tКатегория", "products"),
        ("supplier,name,lead_time_days,min_order_value,currency,order_weekdays", "suppliers"),
        ("Поставщик;Срок поставки, дней", "suppliers"),
        ("date,sku,on_hand,reserved", "stock"),
        ("Артикул;Остаток", "stock"),
        ("order_number,supplier,sku,quantity,ordered_on,expected_on,received_on,received_quantity", "purchase-orders"),
        ("Номер заказа|Поставщик|Артикул|Количество|Дата заказа", "purchase-orders"),
    ],
)
def test_the_columns_decide_whatever_the_file_is_called(tmp_path: Path, header: str, kind: str) -> None:
    file = tmp_path / "data.csv"
    file.write_text(f"{header}\n1{',' * header.count(',')}\n")
    assert recognise(file) == kind


def test_a_gzip_file_is_recognised_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "export.dat"
    file.write_bytes(gzip.compress(b"date,sku,quantity\n2026-01-01,A,1\n"))
    assert recognise(file) == "sales"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_russian_headers_are_read_in_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes("Дата;Артикул;Количество\n01.02.2026;Ж1;3\n".encode(encoding))
    assert recognise(file) == "sales"


def test_a_letter_cut_in_half_at_the_end_of_the_head_does_not_change_the_encoding(tmp_path: Path) -> None:
    header = "Дата;Артикул;Количество\n".encode()
    file = tmp_path / "data.csv"
    file.write_bytes(header + b"x" * (65_536 - len(header) - 1) + "Ж".encode())
    assert recognise(file) == "sales"


def test_the_name_decides_between_kinds_that_fit_equally_well(tmp_path: Path) -> None:
    header = ["sku", "supplier", "date", "quantity", "name"]
    assert "sales" in kinds_of(header)
    file = tmp_path / "sales.csv"
    file.write_text(",".join(header) + "\n")
    assert recognise(file) == "sales"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"colour,weather\nred,sunny\n", "cannot tell what this file holds from its columns"),
        (b"\x1f\x8bnot really packed", "cannot be read"),
    ],
)
def test_what_cannot_be_recognised_is_refused_with_the_reason(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "sales.csv"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        recognise(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        recognise(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="is a folder"):
        recognise(tmp_path)


def test_the_files_of_the_sample_company_are_one_of_each_kind(tmp_path: Path, last_day: object) -> None:
    files = make_sample(tmp_path, last_day, articles=20).files
    assert sorted(recognise(file) for file in files) == sorted(KINDS)
