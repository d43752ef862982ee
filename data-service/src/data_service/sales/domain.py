"""Sales as columns, and the bytes PostgreSQL takes them in."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_POSTGRES_EPOCH = np.datetime64("2000-01-01", "D")
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_PIECE_ROWS = 8192


@dataclass(frozen=True)
class SalesColumns:
    """Sold units row by row, all of one length; `prices` holds NaN where none was given.

    Rows with equal fingerprints were equal to the byte.
    """

    product_ids: NDArray[np.int32]
    warehouse_ids: NDArray[np.int32]
    days: NDArray[np.datetime64]
    quantities: NDArray[np.float64]
    prices: NDArray[np.float64]
    fingerprints: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.product_ids)


_FIELDS = (
    ("product_id", ">i4"),
    ("warehouse_id", ">i4"),
    ("date", ">i4"),
    ("quantity", ">f8"),
    ("price", ">f8"),
    ("fingerprint", ">i8"),
)
_PARTS = [part for name, code in _FIELDS for part in ((f"{name}_size", ">i4"), (name, code))]
_ROW = np.dtype([("field_count", ">i2"), *_PARTS])
COLUMNS = tuple(name for name, _ in _FIELDS)


def copy_pieces(sales: SalesColumns) -> Iterator[bytes]:
    """The rows in PostgreSQL's binary COPY format: every row has the same width, NaN stands for "no price".

    Source: PostgreSQL documentation, COPY, "Binary Format".
    """
    yield COPY_HEADER
    for start in range(0, len(sales), _PIECE_ROWS):
        yield _packed(sales, slice(start, start + _PIECE_ROWS))
    yield COPY_TRAILER


def _packed(sales: SalesColumns, part: slice) -> bytes:
    rows = np.empty(len(sales.product_ids[part]), _ROW)
    rows["field_count"] = len(_FIELDS)
    for name, code in _FIELDS:
        rows[f"{name}_size"] = np.dtype(code).itemsize
    rows["product_id"] = sales.product_ids[part]
    rows["warehouse_id"] = sales.warehouse_ids[part]
    rows["date"] = (sales.days[part] - _POSTGRES_EPOCH).astype(np.int64)
    rows["quantity"] = sales.quantities[part]
    rows["price"] = sales.prices[part]
    rows["fingerprint"] = sales.fingerprints[part]
    return rows.tobytes()


def months_of(days: NDArray[np.datetime64]) -> set[np.datetime64]:
    return set(np.unique(days.astype("datetime64[M]")))
