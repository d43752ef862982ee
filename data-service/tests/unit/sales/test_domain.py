"""Sales in PostgreSQL's binary COPY format, and the periods they cover."""

import struct
from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_service.sales.domain import (
    STAGED_COLUMNS,
    STORED_COLUMNS,
    SalesColumns,
    SoldPeriods,
    copy_pieces,
    months_of,
)

EPOCH = date(2000, 1, 1)
ROWS = [
    (7, 1, date(2013, 7, 20), 1.5, 9.5, -5),
    (9, 1, date(2013, 7, 21), 4.0, None, 6),
    (8, 2, date(1999, 12, 31), -2.0, 1.25, 2**62),
]


def columns(rows: list[tuple[int, int, date, float, float | None, int]]) -> SalesColumns:
    products, warehouses, days, quantities, prices, fingerprints = zip(*rows, strict=True)
    return SalesColumns(
        product_ids=np.array(products, np.int32),
        warehouse_ids=np.array(warehouses, np.int32),
        days=np.array(days, "datetime64[D]"),
        quantities=np.array(quantities, float),
        prices=np.array([np.nan if price is None else price for price in prices]),
        fingerprints=np.array(fingerprints, np.int64),
    )


def field(kind: str, value: float | None) -> bytes:
    return struct.pack("!i", -1) if value is None else struct.pack(f"!i{kind}", struct.calcsize(kind), value)


def written(rows: list[tuple[int, int, date, float, float | None, int]], names: tuple[str, ...]) -> bytes:
    """Field by field, as PostgreSQL documents the format."""
    out = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
    for product, warehouse, day, quantity, price, fingerprint in rows:
        values = [
            ("i", product),
            ("i", warehouse),
            ("i", (day - EPOCH).days),
            ("d", quantity),
            ("d", price),
            ("q", fingerprint),
        ]
        out += struct.pack("!h", len(names)) + b"".join(field(*value) for value in values[: len(names)])
    return out + struct.pack("!h", -1)


def test_rows_are_written_as_postgresql_documents_it_those_without_a_price_last() -> None:
    expected = [ROWS[0], ROWS[2], ROWS[1]]
    for names in (STORED_COLUMNS, STAGED_COLUMNS):
        assert b"".join(copy_pieces(columns(ROWS), names)) == written(expected, names)


def test_many_rows_go_in_several_pieces_and_none_is_lost() -> None:
    rows = [(i, 1, EPOCH, float(i), 1.0, i) for i in range(20_000)]
    pieces = list(copy_pieces(columns(rows), STORED_COLUMNS))
    assert len(pieces) > 3
    assert b"".join(pieces) == written(rows, STORED_COLUMNS)


def test_months_are_those_in_which_something_was_sold() -> None:
    days = np.array(["2013-07-20", "2013-07-31", "2014-01-01"], "datetime64[D]")
    assert sorted(str(month) for month in months_of(days)) == ["2013-07", "2014-01"]


KEY = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(-400, 20_000).map(lambda n: EPOCH + timedelta(n)))


@given(st.lists(st.lists(KEY, min_size=1, max_size=20), max_size=5))
def test_periods_span_every_sale_of_an_article_in_a_warehouse(batches: list[list[tuple[int, int, date]]]) -> None:
    periods = SoldPeriods()
    spans: dict[tuple[int, int], list[date]] = {}
    for batch in batches:
        periods.add(columns([(*key, 1.0, None, 0) for key in batch]))
        for product, warehouse, day in batch:
            spans.setdefault((product, warehouse), []).append(day)
    assert periods.rows() == [(*pair, min(days), max(days)) for pair, days in sorted(spans.items())]
