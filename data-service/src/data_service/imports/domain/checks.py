"""Every rule a value must keep, column-wise; each broken rule sets its row aside with a reason."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_service.imports.domain.batches import Batch, RejectedRow
from data_service.imports.domain.cells import Cells
from data_service.imports.domain.codes import clean_codes, clean_currencies, clean_weekdays
from data_service.imports.domain.dates import parse_dates
from data_service.imports.domain.kinds import Column, KindRules, ValueType
from data_service.imports.domain.numbers import parse_numbers

_ABSENT = ("", "-", "—", "null", "none", "nan", "n/a", "#n/a", "na", "nat")
_MAX_CHARACTERS = {ValueType.CODE: 100, ValueType.TEXT: 500}
_CLEANERS = {ValueType.CURRENCY: clean_currencies, ValueType.WEEKDAYS: clean_weekdays}


@dataclass(frozen=True)
class Notation:
    """How ambiguous values of this file are read, and what "future" means."""

    is_month_first: bool
    is_decimal_comma: bool
    today: date


@dataclass
class _Sieve:
    """Rows still good, and the rejections so far; a row is rejected once, by its first broken rule."""

    cells: Cells
    is_good: NDArray[np.bool_]
    rejected: list[RejectedRow]
    fixed: Counter[str] = field(default_factory=Counter)

    def reject(self, is_bad: NDArray[np.bool_], rule: str, column: str, reason: str) -> None:
        indices = np.flatnonzero(is_bad & self.is_good)
        if not len(indices):
            return
        self.is_good[indices] = False
        values = self.cells.columns[column].take(pa.array(indices)).to_pylist()
        block, rows = self.cells.block, self.cells.rows
        for index, value in zip(indices, values, strict=True):
            self.rejected.append(RejectedRow.of(block, int(rows[index]), column, value, reason, rule))


def check(cells: Cells, rules: KindRules, notation: Notation) -> Batch:
    blank = _blank_rows(cells)
    rejected = [RejectedRow(row.line, None, None, row.reason, row.rule, row.text) for row in cells.broken]
    sieve = _Sieve(cells, ~blank, rejected)
    batch = Batch(
        cells=cells,
        rows=cells.rows,
        fingerprints=_fingerprints(cells),
        read=len(cells.rows) + len(cells.broken),
        blank=int(blank.sum()),
        rejected=rejected,
        fixed=sieve.fixed,
    )
    for column in rules.columns:
        if column.name in cells.columns:
            _COLUMN_CHECKS[column.value_type](column, sieve, notation, batch)
    for earlier, later in rules.date_order:
        if earlier in batch.dates and later in batch.dates:
            is_bad = batch.dates[later] < batch.dates[earlier]
            reason = f"{later} is before {earlier}"
            sieve.reject(is_bad, "dates_out_of_order", later, reason)
    batch.keep(sieve.is_good)
    if batch.blank:
        batch.fixed["blank_row"] = batch.blank
    return batch


def _blank_rows(cells: Cells) -> NDArray[np.bool_]:
    """Rows of delimiters only, as spreadsheets leave them at the end."""
    blank = np.ones(len(cells.rows), dtype=bool)
    for column in cells.columns.values():
        blank &= pc.equal(column, "").to_numpy(zero_copy_only=False)
        if not blank.any():
            break
    return blank


def _fingerprints(cells: Cells) -> NDArray[np.int64]:
    block, rows = cells.block, cells.rows
    if len(rows) == 0:
        return np.empty(0, np.int64)
    texts = block.data[block.starts[rows[0]] : block.ends[rows[-1]]].split(b"\n")
    if len(texts) != len(rows):
        texts = [block.row(index) for index in rows]
    return np.fromiter(map(hash, texts), np.int64, len(texts))


def _check_code(column: Column, sieve: _Sieve, _notation: Notation, batch: Batch) -> None:
    encoded = sieve.cells.columns[column.name].dictionary_encode()
    indices = encoded.indices.to_numpy()
    cleaned, is_changed = clean_codes(encoded.dictionary)
    batch.codes[column.name] = pa.DictionaryArray.from_arrays(encoded.indices, cleaned)
    if column.is_required:
        _reject_missing(sieve, column, pc.equal(cleaned, "").to_numpy(zero_copy_only=False)[indices])
    if column.value_type is ValueType.CODE:
        has_control = pc.match_substring_regex(cleaned, r"[\x01-\x1f\x7f]").to_numpy(zero_copy_only=False)[indices]
        sieve.reject(
            has_control, "control_character", column.name, "a code cannot hold line breaks or control characters"
        )
    longest = _MAX_CHARACTERS[column.value_type]
    is_long = pc.greater(pc.utf8_length(cleaned), longest).to_numpy(zero_copy_only=False)[indices]
    sieve.reject(is_long, "value_too_long", column.name, f"the value is longer than {longest} characters")
    _count_fixed(sieve, "spaces_trimmed", is_changed[indices])


def _check_word(column: Column, sieve: _Sieve, _notation: Notation, batch: Batch) -> None:
    encoded = sieve.cells.columns[column.name].dictionary_encode()
    cleaned, is_valid, rule, reason = _CLEANERS[column.value_type](encoded.dictionary)
    batch.codes[column.name] = pa.DictionaryArray.from_arrays(encoded.indices, cleaned)
    sieve.reject(~is_valid[encoded.indices.to_numpy()], rule, column.name, reason)


def _check_number(column: Column, sieve: _Sieve, notation: Notation, batch: Batch) -> None:
    indices, unique, is_absent = _unique_values(sieve.cells.columns[column.name])
    numbers, is_rewritten = parse_numbers(unique, is_decimal_comma=notation.is_decimal_comma)
    is_wrong = np.isnan(numbers) & ~is_absent
    batch.numbers[column.name] = numbers[indices]
    if column.is_required:
        _reject_missing(sieve, column, is_absent[indices])
    sieve.reject(is_wrong[indices], "not_a_number", column.name, "the value is not a number, or past a trillion")
    _count_fixed(sieve, "number_rewritten", (is_rewritten & ~is_absent)[indices])
    if column.bound is not None:
        below = numbers <= column.bound.minimum if column.bound.is_exclusive else numbers < column.bound.minimum
        sieve.reject(below[indices], column.bound.rule, column.name, column.bound.reason)


def _check_date(column: Column, sieve: _Sieve, notation: Notation, batch: Batch) -> None:
    indices, unique, is_absent = _unique_values(sieve.cells.columns[column.name])
    days = parse_dates(unique, is_month_first=notation.is_month_first)
    batch.dates[column.name] = days[indices]
    if column.is_required:
        _reject_missing(sieve, column, is_absent[indices])
    is_wrong = (np.isnat(days) & ~is_absent)[indices]
    sieve.reject(is_wrong, "impossible_date", column.name, "there is no such date, or it is written in an unknown way")
    if not column.may_be_future:
        is_future = (days > np.datetime64(notation.today, "D"))[indices]
        sieve.reject(is_future, "date_in_future", column.name, f"the date is after the day of import, {notation.today}")


def _unique_values(column: pa.Array) -> tuple[NDArray[np.int32], pa.Array, NDArray[np.bool_]]:
    encoded = column.dictionary_encode()
    unique = pc.utf8_trim_whitespace(encoded.dictionary)
    is_absent = pc.is_in(pc.utf8_lower(unique), value_set=pa.array(_ABSENT)).to_numpy(zero_copy_only=False)
    return encoded.indices.to_numpy(), unique, is_absent


def _reject_missing(sieve: _Sieve, column: Column, is_missing: NDArray[np.bool_]) -> None:
    sieve.reject(is_missing, "missing_value", column.name, "the value is required and empty")


def _count_fixed(sieve: _Sieve, rule: str, is_fixed: NDArray[np.bool_]) -> None:
    count = int((is_fixed & sieve.is_good).sum())
    if count:
        sieve.fixed[rule] += count


_COLUMN_CHECKS: dict[ValueType, Callable[[Column, _Sieve, Notation, Batch], None]] = {
    ValueType.CODE: _check_code,
    ValueType.TEXT: _check_code,
    ValueType.CURRENCY: _check_word,
    ValueType.WEEKDAYS: _check_word,
    ValueType.NUMBER: _check_number,
    ValueType.DATE: _check_date,
}
