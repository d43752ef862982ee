"""A supplier's minimum order value: raise what runs out soonest, or wait when nothing is at risk."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BISECTIONS = 50


@dataclass(frozen=True)
class GroupLines:
    """The lines that would go into one purchase order; arrays of equal length.

    `quantity` is what is needed so far, `position` units on hand and on order, `rate` units a day, `due` whether the
    line must be in the very next order, `open` whether units may be added at all.
    """

    quantity: Floats
    position: Floats
    rate: Floats
    pack: Floats
    minimum_quantity: Floats
    cost: Floats
    due: NDArray[np.bool_]
    open: NDArray[np.bool_]

    def only(self, rows: list[int]) -> "GroupLines":
        return GroupLines(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def value(self, quantity: Floats) -> float:
        return float((quantity * self.cost).sum())


@dataclass(frozen=True)
class MinimumOutcome:
    """`decision` is met, raised, waits or unreachable; `added` units per line on top of what is needed."""

    decision: str
    value: float
    added: Floats


def apply_minimum(lines: GroupLines, minimum: float, longest_cover_days: int) -> MinimumOutcome:
    """Lines are raised together to the shortest common cover (in days) at which the order reaches `minimum`."""
    nothing = np.zeros(len(lines.quantity))
    value = lines.value(lines.quantity)
    if value >= minimum or not (lines.quantity > 0).any():
        return MinimumOutcome("met", value, nothing)
    if not lines.due.any():
        return MinimumOutcome("waits", value, nothing)
    low, high = 0.0, float(longest_cover_days)
    if lines.value(lines.quantity + _added(lines, high)) < minimum:
        return MinimumOutcome("unreachable", value, nothing)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if lines.value(lines.quantity + _added(lines, middle)) >= minimum:
            high = middle
        else:
            low = middle
    added = _trimmed(lines, _added(lines, high), minimum)
    return MinimumOutcome("raised", lines.value(lines.quantity + added), added)


def _added(lines: GroupLines, cover_days: float) -> Floats:
    """Whole packs that bring each open line to a cover of `cover_days`, a new line at least to its own minimum."""
    missing = cover_days * lines.rate - lines.position - lines.quantity
    packs = np.ceil(np.maximum(missing, 0) / lines.pack - 1e-9)
    smallest = np.where(lines.quantity > 0, 0, np.ceil(lines.minimum_quantity / lines.pack - 1e-9))
    usable = lines.open & (packs > 0) & (lines.cost > 0)
    added: Floats = np.where(usable, np.maximum(packs, smallest), 0) * lines.pack
    return added


def _trimmed(lines: GroupLines, added: Floats, minimum: float) -> Floats:
    """At the common cover several lines may jump by a pack at once: those that last longest give back what is spare."""
    total = lines.quantity + added
    cover = (lines.position + total) / np.maximum(lines.rate, 1e-12)
    spare = lines.value(total) - minimum
    trimmed = added.copy()
    for line in np.argsort(-cover, kind="stable").tolist():
        pack_value = lines.pack[line] * lines.cost[line]
        if added[line] <= 0 or pack_value <= 0:
            continue
        floor = 0.0 if lines.quantity[line] > 0 else float(lines.minimum_quantity[line])
        packs = min(np.floor(spare / pack_value + 1e-9), np.floor((added[line] - floor) / lines.pack[line] + 1e-9))
        if packs > 0:
            trimmed[line] -= packs * lines.pack[line]
            spare -= packs * pack_value
    return trimmed
