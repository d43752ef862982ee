"""Daily demand and planning inputs as Arrow: schemas, and how database rows become record batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

DEMAND_SCHEMA = pa.schema(
    [
        pa.field("sku", pa.utf8(), nullable=False),
        pa.field("warehouse", pa.utf8(), nullable=False),
        pa.field("date", pa.date32(), nullable=False),
        pa.field("quantity", pa.float64(), nullable=False),
        pa.field("price", pa.float64()),
        pa.field("availability", pa.float64()),
    ]
)
PLANNING_SCHEMA = pa.schema(
    [
        pa.field("sku", pa.utf8(), nullable=False),
        pa.field("name", pa.utf8(), nullable=False),
        pa.field("category", pa.utf8()),
        pa.field("supplier", pa.utf8()),
        pa.field("supplier_name", pa.utf8()),
        pa.field("warehouse", pa.utf8(), nullable=False),
        pa.field("unit", pa.utf8(), nullable=False),
        pa.field("pack_size", pa.float64(), nullable=False),
        pa.field("moq", pa.float64(), nullable=False),
        pa.field("cost", pa.float64()),
        pa.field("price", pa.float64()),
        pa.field("currency", pa.utf8()),
        pa.field("lead_time_days", pa.int32()),
        pa.field("lead_time_mean_days", pa.float64()),
        pa.field("lead_time_sd_days", pa.float64()),
        pa.field("lead_time_receipts", pa.int32(), nullable=False),
        pa.field("min_order_value", pa.float64()),
        pa.field("order_weekdays", pa.list_(pa.int8()), nullable=False),
        pa.field("on_hand", pa.float64(), nullable=False),
        pa.field("reserved", pa.float64(), nullable=False),
        pa.field("on_order", pa.float64(), nullable=False),
        pa.field("oldest_open_expected_on", pa.date32()),
        pa.field("stock_as_of", pa.date32()),
        pa.field("life_cycle", pa.utf8(), nullable=False),
    ]
)

_POSTGRES_EPOCH_DAYS = 10957
_COPY_HEADER_BYTES = 19
_COPY_TRAILER_BYTES = 2
_FIELDS = (
    ("product_id", ">i4"),
    ("warehouse_id", ">i4"),
    ("date", ">i4"),
    ("quantity", ">f8"),
    ("price", ">f8"),
    ("on_hand", ">f8"),
)
_PARTS = [part for name, code in _FIELDS for part in ((f"{name}_size", ">i4"), (name, code))]
_ROW = np.dtype([("field_count", ">i2"), *_PARTS])


@dataclass(frozen=True)
class Codes:
    """Ids in the order of their codes."""

    ids: NDArray[np.int32]
    codes: pa.Array

    @classmethod
    def of(cls, rows: Sequence[tuple[int, str]]) -> "Codes":
        """`rows` come ordered by code."""
        return cls(
            np.array([identifier for identifier, _ in rows], dtype=np.int32),
            pa.array([code for _, code in rows], pa.utf8()),
        )

    def positions(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        order = np.argsort(self.ids)
        found: NDArray[np.int32] = order[np.searchsorted(self.ids[order], ids)].astype(np.int32)
        return found


def demand_batch(copied: bytes, products: Codes, warehouses: Codes) -> pa.RecordBatch:
    """Rows of PostgreSQL's binary COPY, in which every field is present, ordered by sku, warehouse, date.

    Source: PostgreSQL documentation, COPY, "Binary Format".
    """
    count = (len(copied) - _COPY_HEADER_BYTES - _COPY_TRAILER_BYTES) // _ROW.itemsize
    rows = np.frombuffer(copied, _ROW, count, offset=_COPY_HEADER_BYTES)
    product = products.positions(rows["product_id"].astype(np.int32))
    warehouse = warehouses.positions(rows["warehouse_id"].astype(np.int32))
    day = rows["date"].astype(np.int64) + _POSTGRES_EPOCH_DAYS
    order = np.lexsort((day, warehouse, product))
    quantity, on_hand = rows["quantity"].astype(float)[order], rows["on_hand"].astype(float)[order]
    return pa.RecordBatch.from_arrays(
        [
            pa.DictionaryArray.from_arrays(product[order], products.codes).dictionary_decode(),
            pa.DictionaryArray.from_arrays(warehouse[order], warehouses.codes).dictionary_decode(),
            pa.array(day[order].astype(np.int32)).cast(pa.date32()),
            pa.array(quantity),
            pa.array(rows["price"].astype(float)[order], from_pandas=True),
            pa.array(availability(quantity, on_hand), from_pandas=True),
        ],
        schema=DEMAND_SCHEMA,
    )


def availability(quantity: NDArray[np.float64], on_hand: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fraction of the day in stock by the count at its end; NaN is "unknown".

    Nothing left after a day with sales says that it ran out, not when.
    """
    return np.where(on_hand > 0, 1.0, np.where((on_hand <= 0) & (quantity <= 0), 0.0, np.nan))


def planning_batch(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """`rows` hold the columns of the schema in its order."""
    columns = zip(*rows, strict=True)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, PLANNING_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=PLANNING_SCHEMA)


def portions(sizes: Sequence[int], first: int, largest: int) -> Iterator[slice]:
    """Cuts a list into runs of about `first` units, growing to `largest`, so that the beginning comes soon."""
    start, target, filled = 0, first, 0
    for index, size in enumerate(sizes):
        filled += size
        if filled >= target:
            yield slice(start, index + 1)
            start, filled, target = index + 1, 0, min(target * 4, largest)
    if start < len(sizes):
        yield slice(start, len(sizes))


class ArrowStream:
    """An Arrow IPC stream in pieces: every call returns the bytes which it added."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._pieces: list[bytes] = []
        self._writer = pa.ipc.new_stream(pa.PythonFile(_Pieces(self._pieces), mode="w"), schema)

    def begin(self) -> bytes:
        """The schema; Arrow writes it with the first batch only, so that is an empty one."""
        return self.add(pa.RecordBatch.from_pylist([], schema=self._schema))

    def add(self, batch: pa.RecordBatch) -> bytes:
        self._writer.write_batch(batch)
        return self._taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


class _Pieces:
    """As much of a file as Arrow's writer needs."""

    closed = False

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""
