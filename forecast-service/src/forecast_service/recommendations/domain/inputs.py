"""What the plan knows of every article and warehouse, read from the Arrow rows of data-service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TEXTS = ("sku", "name", "category", "supplier", "supplier_name", "warehouse", "unit", "currency", "life_cycle")
_NUMBERS = (
    "pack_size",
    "moq",
    "cost",
    "price",
    "lead_time_days",
    "lead_time_mean_days",
    "lead_time_sd_days",
    "lead_time_receipts",
    "min_order_value",
    "on_hand",
    "reserved",
    "on_order",
)
_DATES = ("oldest_open_expected_on", "stock_as_of")
_WEEKDAYS = "order_weekdays"
COLUMNS = (*_TEXTS, *_NUMBERS, *_DATES, _WEEKDAYS)
_SHRINKAGE_RECEIPTS = 3.0
"""Receipts at which the measured lead time counts as much as the stated one."""


class PlanningFormatError(ValueError):
    """The rows do not have the columns the contract of `/v1/planning-inputs` promises."""


@dataclass(frozen=True)
class PlanningInputs:
    """Columns of equal length; NaN is an unknown number, None an unknown text or day.

    Quantities are in units of `unit`, money in `currency`. `weekdays` are ISO numbers 1 to 7, none meaning any day.
    """

    texts: dict[str, list[str | None]]
    numbers: dict[str, Floats]
    days: dict[str, list[date | None]]
    weekdays: list[tuple[int, ...]]

    @property
    def size(self) -> int:
        return len(self.weekdays)

    def text(self, column: str, line: int, default: str = "") -> str:
        return self.texts[column][line] or default

    def number(self, column: str, default: float) -> Floats:
        """The column with unknown values replaced."""
        values = self.numbers[column]
        return np.where(np.isfinite(values), values, default)

    def pack_sizes(self) -> Floats:
        packs = self.number("pack_size", 1.0)
        return np.where(packs > 0, packs, 1.0)

    def lead_times(self, assumed: float) -> tuple[Floats, Floats, list[str]]:
        """Mean and standard deviation in days, and where they come from: measured, stated or assumed.

        A measured mean is drawn towards the stated one while there are few receipts.
        """
        stated, mean = self.numbers["lead_time_days"], self.numbers["lead_time_mean_days"]
        receipts = self.number("lead_time_receipts", 0.0)
        anchor = np.where(np.isfinite(stated), stated, np.where(np.isfinite(mean), mean, assumed))
        measured = np.isfinite(mean) & (receipts > 0)
        drawn = (receipts * np.nan_to_num(mean) + _SHRINKAGE_RECEIPTS * anchor) / (receipts + _SHRINKAGE_RECEIPTS)
        source = np.where(measured, "measured", np.where(np.isfinite(stated), "stated", "assumed"))
        deviation = np.where(measured, self.number("lead_time_sd_days", 0.0), 0.0)
        return np.maximum(np.where(measured, drawn, anchor), 0), np.maximum(deviation, 0), source.tolist()


def read_inputs(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> PlanningInputs:
    """Raises: PlanningFormatError when a column is missing, or an article or warehouse is empty."""
    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        raise PlanningFormatError(f"the planning inputs lack the column(s) {', '.join(missing)}")
    table = pa.Table.from_batches(batches, schema=schema)
    for name in ("sku", "warehouse"):
        if table.column(name).null_count:
            raise PlanningFormatError(f"the planning inputs have empty values in {name}")
    return PlanningInputs(
        texts={name: table.column(name).to_pylist() for name in _TEXTS},
        numbers={name: _numbers(table.column(name)) for name in _NUMBERS},
        days={name: [_day(value) for value in table.column(name).to_pylist()] for name in _DATES},
        weekdays=[_weekdays(values) for values in table.column(_WEEKDAYS).to_pylist()],
    )


def _numbers(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = column.cast(pa.float64()).to_numpy().astype(np.float64)
    return numbers


def _day(value: Any) -> date | None:
    return value.date() if isinstance(value, datetime) else value


def _weekdays(values: list[int] | None) -> tuple[int, ...]:
    return tuple(sorted({int(value) for value in values or () if 1 <= value <= 7}))
