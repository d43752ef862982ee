"""A whole file from bytes to checked rows."""

import csv
import gzip
import io
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_service.imports.domain.batches import Batch, RejectedRow
from data_service.imports.domain.kinds import ImportKind
from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.reader import TableFile

TODAY = date(2026, 11, 22)


def open_table(data: str | bytes, kind: ImportKind = ImportKind.SALES, **limits: int) -> TableFile:
    raw = data.encode() if isinstance(data, str) else data
    return TableFile(lambda: io.BytesIO(raw), kind, ReadLimits(**limits), TODAY)


def read(
    data: str | bytes, kind: ImportKind = ImportKind.SALES, **limits: int
) -> tuple[list[Batch], list[RejectedRow]]:
    batches = list(open_table(data, kind, **limits).batches())
    for batch in batches:
        assert batch.read == len(batch) + len(batch.rejected) + batch.blank
    return batches, [row for batch in batches for row in batch.rejected]


def sales(data: str | bytes, **limits: int) -> list[tuple[int, object, object, float]]:
    """(line, date, sku, quantity) of the good rows."""
    batches, _ = read(data, **limits)
    return [
        row
        for batch in batches
        for row in zip(batch.lines.tolist(), batch.days("date"), batch.texts("sku"), batch.numbers["quantity"].tolist(), strict=True)
    ]  # fmt: skip


MESS = """date,sku,quantity,price,note
2013-07-20,P1,1,1.86,fine
2013-02-30,P1,1,1.86,no such day
2030-01-01,P1,1,1.86,future
2013-07-20,P1,1,-1,negative price
2013-07-20,P1,many,1.86,no number
2013-07-20,,1,1.86,no article
,P1,1,1.86,no date
2013-07-20,P1,1
2013-07-20,P1,1,1.86,too,many
,,,,
2013-07-20,P2,-3,,"a return,
over two lines"
2013-07-20, P3 ,"1 000,5",2,repaired
"""


def test_every_bad_row_is_set_aside_with_its_line_column_value_and_rule() -> None:
    batches, rejected = read(MESS)
    assert {(row.line, row.column, row.value, row.rule) for row in rejected} == {
        (3, "date", "2013-02-30", "impossible_date"),
        (4, "date", "2030-01-01", "date_in_future"),
        (5, "price", "-1", "negative_price"),
        (6, "quantity", "many", "not_a_number"),
        (7, "sku", "", "missing_value"),
        (8, "date", "", "missing_value"),
        (9, None, None, "wrong_field_count"),
        (10, None, None, "wrong_field_count"),
    }
    assert sum(batch.blank for batch in batches) == 1
    assert all(row.reason for row in rejected)
    assert next(row for row in rejected if row.line == 3).row == "2013-02-30,P1,1,1.86,no such day"


def test_good_rows_between_bad_ones_keep_their_lines_and_values() -> None:
    assert sales(MESS) == [
        (2, date(2013, 7, 20), "P1", 1.0),
        (12, date(2013, 7, 20), "P2", -3.0),
        (14, date(2013, 7, 20), "P3", 1000.5),
    ]


def test_repaired_values_are_counted_by_rule() -> None:
    batches, _ = read(MESS)
    assert dict(batches[0].fixed) == {"spaces_trimmed": 1, "number_rewritten": 1, "blank_row": 1}


def test_ignored_columns_and_the_notation_are_reported() -> None:
    report = open_table(MESS).report
    assert report.ignored_columns == ("note",)
    assert report.delimiter == ","
    assert report.columns == {"date": "date", "sku": "sku", "quantity": "quantity", "price": "price"}


def test_article_codes_stay_text() -> None:
    assert [row[2] for row in sales('date,sku,quantity\n2013-07-20,00123,1\n2013-07-20,"=""0042""",1\n2013-07-20,1e5,1\n')] == ["00123", "0042", "1e5"]  # fmt: skip


def test_day_and_month_are_told_apart_by_a_row_far_down_the_file() -> None:
    rows = "01/02/2024,P1,1\n" * 30_000
    text = f"date,sku,quantity\n{rows}01/13/2024,P1,1\n"
    table = open_table(text, block_bytes=64 << 10)
    assert table.report.notation.is_month_first
    assert not table.report.is_date_order_assumed
    assert sales(text, block_bytes=64 << 10)[0][1] == date(2024, 1, 2)


@pytest.mark.parametrize(("delimiter", "quantity"), [(";", 5.0), ("\t", 5000.0)])
def test_a_number_that_could_be_read_both_ways_follows_the_delimiter(delimiter: str, quantity: float) -> None:
    text = "date,sku,quantity\n2013-07-20,P1,5#000\n".replace(",", delimiter).replace("#", ",")
    assert sales(text)[0][3] == quantity


def test_an_order_of_day_and_month_which_nothing_tells_is_assumed_and_said_so() -> None:
    table = open_table("date,sku,quantity\n01/02/2024,P1,1\n")
    assert table.report.is_date_order_assumed
    assert sales("date,sku,quantity\n01/02/2024,P1,1\n")[0][1] == date(2024, 2, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_russian_file_is_read_in_any_common_encoding(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    text = "Дата;Артикул;Кол-во;Цена;Склад\r\n20.07.2013;Ж-1;3,5;1 234,50 ₽;Москва\r\n".replace("₽", "руб.")
    batches, rejected = read(pack(text.encode(encoding)))
    assert rejected == []
    assert batches[0].texts("sku") == ["Ж-1"]
    assert batches[0].texts("warehouse") == ["Москва"]
    assert batches[0].numbers["price"].tolist() == [1234.5]
    assert batches[0].numbers["quantity"].tolist() == [3.5]


def test_rows_with_damaged_bytes_are_set_aside_alone() -> None:
    data = "date,sku,quantity\n2013-07-20,Ж1,1\n2013-07-20,Ж".encode() + b"\xff,1\n2013-07-20,a\0b,1\n2013-07-20,P2,1\n"
    _, rejected = read(data)
    assert [(row.line, row.rule) for row in rejected] == [(4, "nul_byte"), (3, "invalid_encoding")]
    assert [row[2] for row in sales(data)] == ["Ж1", "P2"]


def test_a_line_break_inside_a_code_is_refused() -> None:
    _, rejected = read('date,sku,quantity\n2013-07-20,"P\n1",1\n')
    assert [row.rule for row in rejected] == ["control_character"]


def test_weekdays_and_currencies_are_brought_into_one_spelling() -> None:
    text = 'supplier,currency,order_weekdays\nS1,eur,"Tue, Fri"\nS2,₽,пн;ср\nS3,,1-2\nS4,EURO,Mon\nS5,USD,Blursday\nS6,$,\n'
    batches, rejected = read(text, ImportKind.SUPPLIERS)
    assert batches[0].texts("order_weekdays") == ["2,5", "1,3", None]
    assert batches[0].texts("currency") == ["EUR", "RUB", "USD"]
    assert [(row.line, row.rule) for row in rejected] == [
        (5, "invalid_currency"),
        (4, "unknown_weekday"),
        (6, "unknown_weekday"),
    ]


def test_an_order_received_before_it_was_placed_is_refused() -> None:
    text = "order_number,supplier,sku,quantity,ordered_on,received_on\nA,S,P,1,2024-02-02,2024-02-01\nB,S,P,0,2024-02-02,\n"
    _, rejected = read(text, ImportKind.PURCHASE_ORDERS)
    assert [(row.line, row.rule) for row in rejected] == [(3, "not_positive"), (2, "dates_out_of_order")]


def test_rows_equal_to_the_byte_share_a_fingerprint_and_others_do_not() -> None:
    batches, _ = read("date,sku,quantity,x\n2013-07-20,P1,1,a\n2013-07-20,P1,1,a\n2013-07-20,P1,1,b\n")
    first, second, third = batches[0].fingerprints.tolist()
    assert first == second != third


CELL = st.one_of(
    st.sampled_from(
        ["2013-07-20", "20.07.2013", "31.02.2013", "P1", "P 2", "1", "1,5", "-2", "abc", "", " ", "9" * 40]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufffd"), max_size=6),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(CELL, min_size=1, max_size=5), max_size=25),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
)
def test_no_row_of_any_mess_is_lost_or_counted_twice(
    table: list[list[str]], delimiter: str, line_end: str, encoding: str, packed: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end)
    writer.writerow(["date", "sku", "quantity", "price"])
    for row in table:
        writer.writerow(row)
    data = out.getvalue().encode(encoding, errors="replace")
    batches, rejected = read(gzip.compress(data) if packed else data)
    assert sum(batch.read for batch in batches) == len(table)
    lines = [line for batch in batches for line in batch.lines.tolist()] + [row.line for row in rejected]
    assert len(lines) == len(set(lines))


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('12;,"\n\r ab.-\t'), max_size=200))
def test_any_text_below_a_header_is_accounted_for(body: str) -> None:
    batches, rejected = read("date,sku,quantity\n" + body)
    lines = [line for batch in batches for line in batch.lines.tolist()] + [row.line for row in rejected]
    assert len(lines) == len(set(lines))
    assert all(2 <= line <= 2 + len(body) for line in lines)
