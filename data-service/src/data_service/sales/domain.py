"""Sales as columns, and the bytes PostgreSQL takes them in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

_POSTGRES_EPOCH = np.datetime64("2000-01-01", "D")
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_PIECE_ROWS = 8192
_WAREHOUSE_BITS = 32
_WAREHOUSE_MASK = (1 << _WAREHOUSE_BITS) - 1
_EPOCH = date(1970, 1, 1)


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

    def rows(self, part: slice | NDArray[np.bool_]) -> "SalesColumns":
        return SalesColumns(
            self.product_ids[part],
            self.warehouse_ids[part],
            self.days[part],
            self.quantities[part],
            self.prices[part],
            self.fingerprints[part],
        )


_FIELDS = {
    "product_id": ">i4",
    "warehouse_id": ">i4",
    "date": ">i4",
    "quantity": ">f8",
    "price": ">f8",
    "fingerprint": ">i8",
}
_NULL = -1
STORED_COLUMNS = ("product_id", "warehouse_id", "date", "quantity", "price")
STAGED_COLUMNS = (*STORED_COLUMNS, "fingerprint")


def copy_pieces(sales: SalesColumns, columns: Sequence[str]) -> Iterator[bytes]:
    """The rows in PostgreSQL's binary COPY format, those without a price after the others.

    Source: PostgreSQL documentation, COPY, "Binary Format".
    """
    yield COPY_HEADER
    for start in range(0, len(sales), _PIECE_ROWS):
        piece = sales.rows(slice(start, start + _PIECE_ROWS))
        is_priced = ~np.isnan(piece.prices)
        for part, nulls in ((is_priced, ()), (~is_priced, ("price",))):
            if part.any():
                yield _packed(piece.rows(part), columns, nulls)
    yield COPY_TRAILER


def _packed(sales: SalesColumns, columns: Sequence[str], nulls: Sequence[str]) -> bytes:
    """Rows of one width: a size before each value, and a size only where the value is NULL."""
    values = {
        "product_id": sales.product_ids,
        "warehouse_id": sales.warehouse_ids,
        "date": (sales.days - _POSTGRES_EPOCH).astype(np.int64),
        "quantity": sales.quantities,
        "price": sales.prices,
        "fingerprint": sales.fingerprints,
    }
    parts = [("field_count", ">i2")]
    for name in columns:
        parts.append((f"{name}_size", ">i4"))
        if name not in nulls:
            parts.append((name, _FIELDS[name]))
    rows = np.empty(len(sales), np.dtype(parts))
    rows["field_count"] = len(columns)
    for name in columns:
        rows[f"{name}_size"] = _NULL if name in nulls else np.dtype(_FIELDS[name]).itemsize
        if name not in nulls:
            rows[name] = values[name]
    return rows.tobytes()


def months_of(days: NDArray[np.datetime64]) -> set[np.datetime64]:
    return set(np.unique(days.astype("datetime64[M]")))


class SoldPeriods:
    """First and last day on which each article was sold in each warehouse, over all rows added."""

    def __init__(self) -> None:
        self._periods: dict[int, tuple[int, int]] = {}

    def add(self, sales: SalesColumns) -> None:
        pairs = (sales.product_ids.astype(np.int64) << _WAREHOUSE_BITS) | sales.warehouse_ids
        days = sales.days.astype(np.int64)
        order = np.lexsort((days, pairs))
        pairs, days = pairs[order], days[order]
        ends = np.flatnonzero(np.append(pairs[1:] != pairs[:-1], True))
        starts = np.append(0, ends[:-1] + 1)
        for pair, first, last in zip(pairs[ends].tolist(), days[starts].tolist(), days[ends].tolist(), strict=True):
            known = self._periods.get(pair)
            self._periods[pair] = (first, last) if known is None else (min(first, known[0]), max(last, known[1]))

    def rows(self) -> list[tuple[int, int, date, date]]:
        """Article, warehouse, first day, last day."""
        return [
            (pair >> _WAREHOUSE_BITS, pair & _WAREHOUSE_MASK, _EPOCH + timedelta(first), _EPOCH + timedelta(last))
            for pair, (first, last) in sorted(self._periods.items())
        ]
