"""Arrow streams of demand and planning inputs."""

import struct
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data_service.demand.domain import (
    DEMAND_SCHEMA,
    PLANNING_SCHEMA,
    ArrowStream,
    Codes,
    availability,
    demand_batch,
    planning_batch,
    portions,
)

NAN = float("nan")


def copied(rows: list[tuple[int, int, date, float, float, float]]) -> bytes:
    """What PostgreSQL sends, written field by field as its documentation says."""
    out = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
    for product, warehouse, day, *amounts in rows:
        out += struct.pack("!h", 6)
        for number in (product, warehouse, (day - date(2000, 1, 1)).days):
            out += struct.pack("!ii", 4, number)
        for amount in amounts:
            out += struct.pack("!id", 8, amount)
    return out + struct.pack("!h", -1)


def test_rows_come_out_ordered_by_code_warehouse_and_day() -> None:
    products = Codes.of([(7, "A"), (3, "B"), (5, "C")])
    warehouses = Codes.of([(2, "east"), (1, "west")])
    rows = [
        (5, 1, date(2024, 1, 1), 1.0, 2.5, NAN),
        (7, 1, date(2024, 1, 2), 2.0, NAN, 4.0),
        (7, 1, date(1999, 1, 1), 3.0, NAN, 0.0),
        (3, 2, date(2024, 1, 1), 0.0, NAN, 0.0),
        (7, 2, date(2024, 1, 1), 5.0, NAN, NAN),
    ]
    batch = demand_batch(copied(rows), products, warehouses)
    assert batch.schema == DEMAND_SCHEMA
    assert [tuple(row.values()) for row in batch.to_pylist()] == [
        ("A", "east", date(2024, 1, 1), 5.0, None, None),
        ("A", "west", date(1999, 1, 1), 3.0, None, None),
        ("A", "west", date(2024, 1, 2), 2.0, None, 1.0),
        ("B", "east", date(2024, 1, 1), 0.0, None, 0.0),
        ("C", "west", date(2024, 1, 1), 1.0, 2.5, None),
    ]


def test_nothing_copied_gives_an_empty_batch() -> None:
    assert demand_batch(copied([]), Codes.of([(1, "A")]), Codes.of([(1, "w")])).num_rows == 0


def test_a_day_that_sold_out_is_unknown_and_an_unsold_empty_one_was_out_of_stock() -> None:
    got = availability(np.array([0.0, 0.0, 3.0, 3.0, -1.0]), np.array([5.0, 0.0, 0.0, NAN, 0.0]))
    np.testing.assert_array_equal(got, [1.0, 0.0, NAN, NAN, 0.0])


def test_planning_rows_become_the_columns_of_the_contract() -> None:
    row: list[Any] = ["A", "Apple", None, "S1", "Sup", "M", "pcs", 6.0, 1.0, 2.5, 4.0, "EUR", 7, 7.5, None, 3, 100.0, [1, 4], 5.0, 1.0, 12.0, date(2024, 1, 1), None, "active"]  # fmt: skip
    batch = planning_batch([row, row])
    assert batch.schema == PLANNING_SCHEMA
    assert list(batch.to_pylist()[1].values()) == row


def test_a_stream_taken_in_pieces_reads_back_as_one() -> None:
    stream = ArrowStream(DEMAND_SCHEMA)
    products, warehouses = Codes.of([(1, "A")]), Codes.of([(1, "w")])
    pieces = [stream.begin()]
    for day in (1, 2):
        rows = [(1, 1, date(2024, 1, day), 1.0, NAN, NAN)]
        pieces.append(stream.add(demand_batch(copied(rows), products, warehouses)))
    pieces.append(stream.end())
    assert all(pieces)
    assert pa.ipc.open_stream(b"".join(pieces)).read_all().num_rows == 2


@given(st.lists(st.integers(0, 1000), max_size=200), st.integers(1, 500), st.integers(500, 5000))
def test_portions_cover_a_list_once_and_stay_near_their_size(sizes: list[int], first: int, largest: int) -> None:
    cut = list(portions(sizes, first, largest))
    assert [index for part in cut for index in range(len(sizes))[part]] == list(range(len(sizes)))
    assert all(sum(sizes[part]) < max(first, largest) + 1000 for part in cut)
    if cut and sum(sizes) > first:
        assert sum(sizes[cut[0]]) < first + 1000
