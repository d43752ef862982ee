"""Rows as they come out of real systems: broken on purpose, and counted."""

from collections import Counter
from collections.abc import Callable

import numpy as np

_Row = tuple[str, str, str, str]


def _impossible_date(row: _Row) -> _Row:
    year, month, day = row[0].split("-")
    return (f"{year}-{int(month) + 12}-{day}", *row[1:])


def _negative_price(row: _Row) -> _Row:
    return (*row[:3], f"-{row[3]}")


def _unknown_article(row: _Row) -> _Row:
    return (row[0], f"X{row[1][1:]}", *row[2:])


def _decimal_comma(row: _Row) -> _Row:
    return (*row[:3], f'"{row[3].replace(".", ",")}"')


def _wrong_number(row: _Row) -> _Row:
    return (*row[:2], f"{row[2]} boxes?", row[3])


# Replaced in place, except the duplicates, which are added. A decimal comma is readable; the others are not.
_KINDS: dict[str, tuple[int, Callable[[_Row], _Row]]] = {
    "impossible_date": (40, _impossible_date),
    "negative_price": (30, _negative_price),
    "unknown_article": (25, _unknown_article),
    "wrong_number": (35, _wrong_number),
    "decimal_comma": (400, _decimal_comma),
}
_DUPLICATES = 150
UNREADABLE = ("impossible_date", "negative_price", "unknown_article", "wrong_number")


def soil(random: np.random.Generator, rows: list[_Row]) -> tuple[list[_Row], dict[str, int]]:
    """A copy of `rows` with dirt at random places, and how many rows of each kind it has."""
    dirty = list(rows)
    total = sum(number for number, _ in _KINDS.values())
    places = iter(random.choice(len(rows), size=total + _DUPLICATES, replace=False).tolist())
    counts: Counter[str] = Counter()
    for kind, (number, spoil) in _KINDS.items():
        for _ in range(number):
            place = next(places)
            dirty[place] = spoil(dirty[place])
            counts[kind] += 1
    for place in places:
        dirty.append(rows[place])
        counts["duplicate"] += 1
    return dirty, dict(counts)
