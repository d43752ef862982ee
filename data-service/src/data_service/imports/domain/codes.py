"""Article codes, currencies and weekdays: text that must come out in one spelling."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

CheckedWords = tuple[pa.Array, NDArray[np.bool_], str, str]
"""Cleaned unique values, which of them are valid, and rule and reason for the others."""

_CURRENCY_SIGNS = {
    "₽": "RUB",
    "РУБ": "RUB",
    "РУБ.": "RUB",
    "RUR": "RUB",
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "¥": "CNY",
}
_WEEKDAYS = ("mon пн пон", "tue вт вто", "wed ср сре", "thu чт чет", "fri пт пят", "sat сб суб", "sun вс вос")
_WEEKDAY_OF = {name: number for number, names in enumerate(_WEEKDAYS, start=1) for name in names.split()}
_EVERY_DAY = {"daily", "any", "all", "ежедневно", "каждый день", "любой"}
_SEPARATORS = re.compile(r"[\s,;/|+]+")


def clean_codes(unique: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Codes as text without outer spaces, without Excel's `="…"` and `'…`; also which ones were changed."""
    trimmed = pc.utf8_trim_whitespace(unique)
    cleaned = pc.replace_substring_regex(trimmed, r'^="(.*)"$|^\'(.+)$', r"\1\2")
    return cleaned, pc.not_equal(cleaned, unique).to_numpy(zero_copy_only=False)


def clean_currencies(unique: pa.Array) -> CheckedWords:
    words = [_currency(value.strip().upper()) for value in unique.to_pylist()]
    is_valid = np.array([not word or bool(re.fullmatch("[A-Z]{3}", word)) for word in words], dtype=bool)
    return pa.array(words, pa.string()), is_valid, "invalid_currency", "a currency is three letters, such as EUR"


def clean_weekdays(unique: pa.Array) -> CheckedWords:
    """ISO numbers joined by commas (`1,4` is Monday and Thursday); empty means any day."""
    parsed = [_weekdays(value.strip().lower()) for value in unique.to_pylist()]
    words = [",".join(map(str, sorted(days))) if days else "" for days in parsed]
    is_valid = np.array([days is not None for days in parsed], dtype=bool)
    return (
        pa.array(words, pa.string()),
        is_valid,
        "unknown_weekday",
        "weekdays are names or numbers 1 to 7, Monday first",
    )


def _currency(word: str) -> str:
    return _CURRENCY_SIGNS.get(word, word)


def _weekdays(text: str) -> set[int] | None:
    if text in _EVERY_DAY:
        return set()
    days: set[int] = set()
    for word in filter(None, _SEPARATORS.split(text)):
        number = int(word) if re.fullmatch("[1-7]", word) else _weekday_named(word)
        if number is None:
            return None
        days.add(number)
    return days


def _weekday_named(word: str) -> int | None:
    return _WEEKDAY_OF.get(word.rstrip(".")[:3]) or _WEEKDAY_OF.get(word.rstrip(".")[:2])
