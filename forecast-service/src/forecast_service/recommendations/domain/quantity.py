"""The arithmetic of one order line, the same for arrays in planning and for single numbers in a replay."""

import math

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.distribution import normal_score

Floats = NDArray[np.float64]

SMALLEST_LEVEL = 0.5
"""Below half a unit at the service level nothing is kept in stock."""
PACK_NOISE = 1e-9
"""Units of rounding error that must not cost a whole pack."""


def order_up_to(expected: Floats, quantile: Floats, rate: Floats, lead_time_sd: Floats, score: Floats) -> Floats:
    """Demand the stock must cover: the quantile of demand, its excess widened by the spread of the lead time.

    `expected` and `quantile` are of the demand over the protection interval, `rate` is units a day, `lead_time_sd`
    days, `score` the normal score of the service level. Source: Silver, Pyke, Thomas, Inventory and Production
    Management (4th ed.), section 6.10: variances of demand and of lead time add up.
    """
    safety = np.maximum(quantile - expected, 0)
    widened = np.sqrt(safety**2 + (np.maximum(score, 0) * rate * lead_time_sd) ** 2)
    return np.maximum(quantile, expected + widened)


def needed(target: Floats, position: Floats) -> Floats:
    return np.where(target >= SMALLEST_LEVEL, np.maximum(target - position, 0), 0)


def with_minimum(need: Floats, minimum_quantity: Floats) -> Floats:
    return np.where(need > PACK_NOISE, np.maximum(need, minimum_quantity), 0)


def in_packs(quantity: Floats, pack: Floats) -> Floats:
    """The smallest number of whole packs that is not less."""
    return np.ceil(quantity / pack - PACK_NOISE) * pack


def service_score(level: float) -> float:
    return normal_score(level)


def is_same(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-6)
