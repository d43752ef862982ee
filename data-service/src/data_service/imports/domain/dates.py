"""Dates in any common notation, parsed column-wise."""

import re
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_TIME = r"(?:[T\s].*)?"
_NUMERIC = rf"^(?P<a>\d{{1,4}})(?P<separator>[./-])(?P<b>\d{{1,2}})[./-](?P<c>\d{{1,4}}){_TIME}$"
_COMPACT = r"^(?P<a>(?:19|20)\d\d)(?P<b>\d\d)(?P<c>\d\d)$"
_SERIAL = r"^\d{5}(?:[.,]\d+)?$"
_SERIAL_EPOCH = np.datetime64("1899-12-30", "D")
_WORDS = re.compile(r"^(?:\w+,\s*)?(\d{1,4})[\s.\-/]*([^\W\d_]+)\.?[\s.,\-/]*(\d{1,4})", re.UNICODE)
_AMERICAN_WORDS = re.compile(r"^([^\W\d_]+)\.?\s+(\d{1,2}),?\s+(\d{4})", re.UNICODE)
_MONTHS = (
    ("jan", "янв"),
    ("feb", "фев"),
    ("mar", "мар"),
    ("apr", "апр"),
    ("may", "май", "мая"),
    ("jun", "июн"),
    ("jul", "июл"),
    ("aug", "авг"),
    ("sep", "сен"),
    ("oct", "окт"),
    ("nov", "ноя"),
    ("dec", "дек"),
)
_MONTH_OF = {prefix: number for number, prefixes in enumerate(_MONTHS, start=1) for prefix in prefixes}
_EARLIEST = np.datetime64("1970-01-01", "D")
_LATEST = np.datetime64("2100-01-01", "D")


@dataclass
class DateOrderEvidence:
    """Counts of `a/b/yyyy` dates which can only be read one way, over as much of a file as was looked at."""

    day_first: int = 0
    month_first: int = 0
    either: int = 0

    @property
    def is_open(self) -> bool:
        return self.either > 0 and self.day_first == self.month_first

    @property
    def is_month_first(self) -> bool:
        return self.month_first > self.day_first

    def add(self, values: pa.Array) -> None:
        parts = pc.extract_regex(values, _NUMERIC)
        first, second = _integers(parts, "a"), _integers(parts, "b")
        slashed = ~np.isnan(first) & (_texts(parts, "separator") != ".") & (first <= 31)
        self.day_first += int(np.sum(slashed & (first > 12) & (second <= 12)))
        self.month_first += int(np.sum(slashed & (second > 12) & (first <= 12)))
        self.either += int(np.sum(slashed & (first <= 12) & (second <= 12)))


def parse_dates(values: pa.Array, *, is_month_first: bool) -> NDArray[np.datetime64]:
    """Days, `datetime64[D]`; NaT for what is no date. A time of day is cut off, not shifted to another zone.

    Args:
        values: trimmed strings without nulls, best each value once.
        is_month_first: how to read `03/04/2024`; `03.04.2024` is always 3 April.
    """
    days = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[D]")
    _fill(days, _numeric_dates(values, is_month_first=is_month_first))
    if np.isnat(days).any():
        compact = pc.extract_regex(values, _COMPACT)
        _fill(days, _civil(*(_integers(compact, name) for name in "abc")))
        _fill(days, _serial_dates(values))
        for index in np.flatnonzero(np.isnat(days)):
            days[index] = _date_in_words(values[int(index)].as_py())
    days[(days < _EARLIEST) | (days >= _LATEST)] = np.datetime64("NaT")
    return days


def _numeric_dates(values: pa.Array, *, is_month_first: bool) -> NDArray[np.datetime64]:
    parts = pc.extract_regex(values, _NUMERIC)
    first, second, third = (_integers(parts, name) for name in "abc")
    is_iso = first > 31
    is_dotted = _texts(parts, "separator") == "."
    is_american = ~is_iso & ~is_dotted & is_month_first
    year = np.where(is_iso, first, third)
    year = np.where(year < 70, year + 2000, np.where(year < 100, year + 1900, year))
    month = np.where(is_american, first, second)
    day = np.where(is_iso, third, np.where(is_american, second, first))
    return _civil(year, month, day)


def _civil(year: NDArray[np.float64], month: NDArray[np.float64], day: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Days of the Gregorian calendar; NaT where there is no such day."""
    is_possible = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1900) & (year < 2200)
    months = np.where(is_possible, (year - 1970) * 12 + month - 1, 0).astype(np.int64).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(is_possible, day - 1, 0).astype(np.int64)
    is_possible &= days.astype("datetime64[M]") == months
    return np.where(is_possible, days, np.datetime64("NaT"))


def _serial_dates(values: pa.Array) -> NDArray[np.datetime64]:
    """Excel's day numbers (1900 system), as a copied cell leaves them."""
    is_serial = pc.match_substring_regex(values, _SERIAL)
    whole = pc.cast(pc.if_else(is_serial, pc.utf8_slice_codeunits(values, 0, 5), None), pa.int64())
    days = _SERIAL_EPOCH + pc.fill_null(whole, 0).to_numpy(zero_copy_only=False)
    return np.where(is_serial.to_numpy(zero_copy_only=False), days, np.datetime64("NaT"))


def _date_in_words(value: str) -> np.datetime64:
    parts = _WORDS.match(value)
    day, month, year = parts.groups() if parts else ("", "", "")
    if not parts and (american := _AMERICAN_WORDS.match(value)):
        month, day, year = american.groups()
    if len(day) == len("2024"):
        day, year = year, day
    number = _MONTH_OF.get(month[:3].lower())
    if number is None:
        return np.datetime64("NaT")
    try:
        return np.datetime64(date(int(year) + (2000 if len(year) <= 2 else 0), number, int(day)), "D")
    except ValueError:
        return np.datetime64("NaT")


def _fill(days: NDArray[np.datetime64], found: NDArray[np.datetime64]) -> None:
    open_ones = np.isnat(days)
    days[open_ones] = found[open_ones]


def _integers(parts: pa.Array, name: str) -> NDArray[np.float64]:
    """NaN where the pattern did not match."""
    numbers = pc.cast(pc.struct_field(parts, name), pa.float64())
    missing = parts.is_null()
    filled: NDArray[np.float64] = pc.if_else(missing, float("nan"), numbers).to_numpy(zero_copy_only=False)
    return filled


def _texts(parts: pa.Array, name: str) -> NDArray[np.object_]:
    texts: NDArray[np.object_] = pc.struct_field(parts, name).to_numpy(zero_copy_only=False)
    return texts
