"""Numbers as people write them: point or comma, thousands, currency signs; parsed column-wise."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_DECORATION = r"(?i)[\s\x{00a0}\x{202f}\x{2009}'’_]|руб\.?|р\.|rub|eur|usd|gbp|cny|[₽€$£¥]"
_NUMBER = r"^[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,2})?$"
_GROUPED_BY_COMMA = r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?$"
_GROUPED_BY_POINT = r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?$"
_ONE_GROUP = r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$"
_DECIMAL_COMMA = r"^[+-]?0,\d|,(?:\d{1,2}|\d{4,})$"
_DECIMAL_POINT = r"^[+-]?0\.\d|\.(?:\d{1,2}|\d{4,})$"
LARGEST = 1e12


@dataclass
class NumberStyleEvidence:
    """Counts of numbers whose decimal separator is beyond doubt, over as much of a file as was looked at."""

    decimal_comma: int = 0
    decimal_point: int = 0

    def is_comma(self, *, by_default: bool) -> bool:
        """`by_default` decides where the values seen so far do not."""
        if self.decimal_comma == self.decimal_point:
            return by_default
        return self.decimal_comma > self.decimal_point

    def add(self, values: pa.Array) -> None:
        plain = pc.replace_substring_regex(values, _DECORATION, "")
        self.decimal_comma += _count(plain, _DECIMAL_COMMA) + _count(plain, r"^\d{1,3}(?:\.\d{3}){2,}$")
        self.decimal_point += _count(plain, _DECIMAL_POINT) + _count(plain, r"^\d{1,3}(?:,\d{3}){2,}$")


def parse_numbers(values: pa.Array, *, is_decimal_comma: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers, NaN for what is none, and which of them had to be rewritten to be read.

    Args:
        values: trimmed strings without nulls, best each value once.
        is_decimal_comma: how to read `1,234` and `1.234`, which alone could be either.
    """
    plain = pc.match_substring_regex(values, r"^[+-]?\d+(?:\.\d+)?$")
    is_plain = plain.to_numpy(zero_copy_only=False)
    if is_plain.all() and not (is_decimal_comma and _count(values, _ONE_GROUP)):
        return _bounded(pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False)), np.zeros(len(values), bool)
    bare = pc.replace_substring_regex(values, _DECORATION, "")
    bare = pc.replace_substring_regex(bare, r"^\((.+)\)$", r"-\1")
    bare = pc.replace_substring_regex(bare, r"^([^-−–].*)[-−–]$", r"-\1")
    bare = pc.replace_substring_regex(bare, r"^[−–]", "-")
    bare = _with_decimal_point(bare, is_decimal_comma=is_decimal_comma)
    is_number = pc.match_substring_regex(bare, _NUMBER)
    numbers = pc.cast(pc.if_else(is_number, bare, "nan"), pa.float64()).to_numpy(zero_copy_only=False)
    rewritten = pc.and_(is_number, pc.not_equal(bare, values)).to_numpy(zero_copy_only=False)
    return _bounded(numbers), rewritten


def _with_decimal_point(values: pa.Array, *, is_decimal_comma: bool) -> pa.Array:
    is_one_group = pc.match_substring_regex(values, _ONE_GROUP)
    has_comma_groups = pc.match_substring_regex(values, _GROUPED_BY_COMMA)
    has_point_groups = pc.match_substring_regex(values, _GROUPED_BY_POINT)
    if is_decimal_comma:
        has_comma_groups = pc.and_(has_comma_groups, pc.invert(is_one_group))
    else:
        has_point_groups = pc.and_(has_point_groups, pc.invert(is_one_group))
    without_commas = pc.replace_substring(values, ",", "")
    without_points = pc.replace_substring(values, ".", "")
    values = pc.if_else(has_comma_groups, without_commas, pc.if_else(has_point_groups, without_points, values))
    return pc.replace_substring(values, ",", ".")


def _bounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Past a trillion it is a barcode or a mistake, not a quantity or a price."""
    is_fine = np.abs(numbers) <= LARGEST
    return np.where(is_fine, numbers, np.nan)


def _count(values: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(values, pattern)).as_py() or 0)
