"""What the plan aims at: service levels by value class, review period, how old a stock count may be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SHARE_OF_A = 0.80
_SHARE_OF_B = 0.95


@dataclass(frozen=True)
class PlanPolicy:
    """Service levels are cycle service levels: probabilities in (0, 1) that nothing runs out in a protection interval.

    `review_days` is the time between two orders to a supplier without order weekdays. `stale_stock_days` is how many
    days stock and sales may be apart. `longest_cover_days` limits what is added to reach a supplier's minimum.
    """

    service_level_a: float = 0.97
    service_level_b: float = 0.95
    service_level_c: float = 0.90
    review_days: int = 7
    assumed_lead_time_days: float = 14.0
    stale_stock_days: int = 3
    longest_cover_days: int = 365

    def service_levels(self, classes: NDArray[np.str_]) -> Floats:
        by_class = {"A": self.service_level_a, "B": self.service_level_b, "C": self.service_level_c}
        return np.array([by_class[name] for name in classes.tolist()], dtype=np.float64)


def value_classes(daily_value: Floats) -> NDArray[np.str_]:
    """ABC: the articles that make the first 80 percent of the value of demand are A, up to 95 percent B, the rest C."""
    classes = np.full(len(daily_value), "C")
    total = daily_value.sum()
    if total <= 0:
        return classes
    order = np.argsort(-daily_value, kind="stable")
    before = (daily_value[order].cumsum() - daily_value[order]) / total
    sells = daily_value[order] > 0
    classes[order[(before < _SHARE_OF_B) & sells]] = "B"
    classes[order[(before < _SHARE_OF_A) & sells]] = "A"
    return classes
