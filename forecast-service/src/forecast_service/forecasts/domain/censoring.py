"""Days without stock are not days without demand: what could not be sold is filled from the days before."""

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.panel import DemandPanel, FloatMatrix

_LEVEL_GAIN = 1 - 2.0 ** (-1 / 28)
_PROFILE_GAIN = 0.1


def fill_censored(panel: DemandPanel) -> FloatMatrix:
    """Demand (series, days) in which a censored day holds the larger of what was sold and what was to be expected.

    The expectation is a smoothed level times a smoothed weekday ratio, both from earlier days with stock only, so that
    no value depends on a later day. Days before any day with stock stay as they are.
    """
    demand = panel.demand.copy()
    touched = np.flatnonzero(panel.censored.any(axis=1))
    if len(touched):
        demand[touched] = _filled(demand[touched].astype(np.float64), panel.censored[touched], panel.weekdays(0, 7))
    return demand


def _filled(
    demand: NDArray[np.float64], censored: NDArray[np.bool_], weekdays: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Source: simple exponential smoothing with the gain 1/n while fewer than 1/gain days are known."""
    series, days = demand.shape
    level = np.zeros(series)
    profile = np.ones((series, 7))
    known = np.zeros(series)
    filled = demand.astype(np.float32)
    for day in range(days):
        weekday = weekdays[day % 7]
        actual = demand[:, day]
        expected = level * profile[:, weekday]
        usable = censored[:, day] & (known > 0) & np.isfinite(actual)
        filled[usable, day] = np.maximum(actual, expected)[usable]
        learn = ~censored[:, day] & np.isfinite(actual)
        known[learn] += 1
        gain = np.maximum(_LEVEL_GAIN, 1 / np.maximum(known, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(level > 0, actual / level, 1.0)
        moved = profile[:, weekday] + _PROFILE_GAIN * (np.minimum(ratio, 10.0) - profile[:, weekday])
        profile[learn, weekday] = moved[learn]
        level[learn] = (level + gain * (actual - level))[learn]
    return filled
