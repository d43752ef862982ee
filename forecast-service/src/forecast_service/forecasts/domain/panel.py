"""Daily demand of many series on one calendar, built from the Arrow rows of data-service."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]
BoolMatrix = NDArray[np.bool_]
IntVector = NDArray[np.int64]

COLUMNS = ("sku", "warehouse", "date", "quantity", "price", "availability")
_EPOCH = date(1970, 1, 1)
_IN_STOCK_ALL_DAY = 0.999


class DemandFormatError(ValueError):
    """The rows do not have the columns or the values the contract of `/v1/demand` promises."""


class NoDemandRowsError(ValueError):
    """There is no row at all."""


@dataclass(frozen=True)
class DemandPanel:
    """`demand` is (series, days): NaN before the first sale, afterwards at least 0, days without a row are 0.

    `price` is (series, days), carried forward, NaN while unknown. `censored` marks days on which the article was
    known to be out of stock for a part of the day: what was sold then is less than what was wanted.
    """

    skus: tuple[str, ...]
    warehouses: tuple[str, ...]
    start: date
    demand: FloatMatrix
    price: FloatMatrix
    censored: BoolMatrix
    clipped_days: int
    """Days whose net quantity was negative (more returned than sold) and was set to 0."""

    @property
    def series(self) -> int:
        return int(self.demand.shape[0])

    @property
    def days(self) -> int:
        return int(self.demand.shape[1])

    @property
    def end(self) -> date:
        """The last day that is known."""
        return self.start + timedelta(days=self.days - 1)

    def first_days(self) -> IntVector:
        """Index of each series' first known day."""
        first: IntVector = np.isnan(self.demand).sum(axis=1)
        return first

    def weekdays(self, first: int, count: int) -> IntVector:
        """Monday = 0 for the days `[first, first + count)`, which may lie beyond the panel."""
        return np.mod(np.arange(first, first + count) + (self.start - _EPOCH).days + 3, 7)

    def with_demand(self, demand: FloatMatrix) -> "DemandPanel":
        return replace(self, demand=demand)


class PanelBuilder:
    """Collects record batches in any order; several rows of one day are added up."""

    def __init__(self) -> None:
        self._skus: dict[str, int] = {}
        self._warehouses: dict[str, int] = {}
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        missing = [name for name in COLUMNS if name not in batch.schema.names]
        if missing:
            raise DemandFormatError(f"the demand stream lacks the column(s) {', '.join(missing)}")
        if batch.num_rows == 0:
            return
        for name in ("sku", "warehouse", "date", "quantity"):
            if batch.column(name).null_count:
                raise DemandFormatError(f"the demand stream has empty values in {name}")
        quantity = batch.column("quantity").to_numpy(zero_copy_only=False)
        if not np.isfinite(quantity).all():
            raise DemandFormatError("the demand stream has a quantity that is not a finite number")
        self._parts.append(
            (
                _codes(batch.column("sku"), self._skus),
                _codes(batch.column("warehouse"), self._warehouses),
                batch.column("date").cast(pa.int32()).to_numpy(zero_copy_only=False),
                quantity.astype(np.float32),
                batch.column("price").to_numpy(zero_copy_only=False).astype(np.float32),
                batch.column("availability").to_numpy(zero_copy_only=False).astype(np.float32),
            )
        )

    def build(self) -> DemandPanel:
        """Series are ordered by article and warehouse.

        Raises:
            NoDemandRowsError: nothing was added.
        """
        if not self._parts:
            raise NoDemandRowsError("There is no demand to forecast from: import sales first.")
        sku, warehouse, day, quantity, price, availability = (
            np.concatenate(part) for part in zip(*self._parts, strict=True)
        )
        self._parts.clear()
        keys, row = self._series_of(sku, warehouse)
        first = int(day.min())
        column = day - first
        shape = (len(keys), int(column.max()) + 1)
        demand = np.zeros(shape, dtype=np.float32)
        np.add.at(demand, (row, column), quantity)
        negative = demand < 0
        demand[negative] = 0
        demand[_before_first(row, column, shape)] = np.nan
        prices = np.full(shape, np.nan, dtype=np.float32)
        known = np.isfinite(price)
        prices[row[known], column[known]] = price[known]
        censored = np.zeros(shape, dtype=np.bool_)
        short = availability < _IN_STOCK_ALL_DAY
        censored[row[short], column[short]] = True
        return DemandPanel(
            skus=tuple(key[0] for key in keys),
            warehouses=tuple(key[1] for key in keys),
            start=_EPOCH + timedelta(days=first),
            demand=demand,
            price=_carried_forward(prices),
            censored=censored,
            clipped_days=int(negative.sum()),
        )

    def _series_of(self, sku: IntVector, warehouse: IntVector) -> tuple[list[tuple[str, str]], IntVector]:
        width = len(self._warehouses)
        present, inverse = np.unique(sku * width + warehouse, return_inverse=True)
        sku_names, warehouse_names = list(self._skus), list(self._warehouses)
        keys = [(sku_names[code // width], warehouse_names[code % width]) for code in present.tolist()]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        rank = np.empty(len(keys), dtype=np.int64)
        rank[order] = np.arange(len(keys))
        return [keys[index] for index in order], rank[inverse]


def build_panel(batches: Iterable[pa.RecordBatch]) -> DemandPanel:
    builder = PanelBuilder()
    for batch in batches:
        builder.add(batch)
    return builder.build()


def _codes(column: pa.Array, known: dict[str, int]) -> IntVector:
    encoded = column.cast(pa.string()).dictionary_encode()
    codes = np.array([known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()], dtype=np.int64)
    result: IntVector = codes[encoded.indices.to_numpy(zero_copy_only=False)]
    return result


def _before_first(row: IntVector, column: NDArray[Any], shape: tuple[int, int]) -> BoolMatrix:
    first = np.full(shape[0], shape[1], dtype=np.int64)
    np.minimum.at(first, row, column)
    before: BoolMatrix = np.arange(shape[1])[None, :] < first[:, None]
    return before


def _carried_forward(prices: FloatMatrix) -> FloatMatrix:
    seen = np.where(np.isfinite(prices), np.arange(prices.shape[1])[None, :], -1)
    np.maximum.accumulate(seen, axis=1, out=seen)
    carried = np.take_along_axis(prices, np.maximum(seen, 0), axis=1)
    carried[seen < 0] = np.nan
    return carried
