"""Exponentially weighted level times a weekday profile, for all series at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.model import FittedModel, ForecastCube, empty_cube
from forecast_service.forecasts.domain.panel import DemandPanel

_PROFILE_HALF_LIFE_DAYS = 150.0
_PROFILE_PRIOR = 6.0
"""Weekdays with sales (weighted) at which a series' own profile counts as much as everybody's."""


@dataclass(frozen=True)
class WeightedLevel:
    """The level is a mixture of two exponentially weighted means: `slow_share` of it forgets slowly.

    Source: bias-corrected simple exponential smoothing (weights 2^(-age / half life), normalised to 1) of demand
    without its weekly season.
    """

    name: str
    half_life_days: float
    slow_half_life_days: float
    slow_share: float

    def fit(self, panel: DemandPanel, end: int, horizon: int) -> FittedModel:  # noqa: ARG002 -- nothing to learn
        return self

    def forecast(self, panel: DemandPanel, origins: Sequence[int], horizon: int) -> ForecastCube:
        cube = empty_cube(panel, origins, horizon)
        known = np.isfinite(panel.demand)
        demand = np.where(known, panel.demand, np.float32(0))
        for index, origin in enumerate(origins):
            started = known[:, origin - 1]
            past, valid = demand[started, :origin], known[started, :origin]
            weekdays = panel.weekdays(0, origin)
            profile = _profile(past, valid, weekdays)
            fast = _level(past, valid, profile, weekdays, self.half_life_days)
            slow = _level(past, valid, profile, weekdays, self.slow_half_life_days)
            level = (1 - self.slow_share) * fast + self.slow_share * slow
            cube[index, started] = level[:, None] * profile[:, panel.weekdays(origin, horizon)]
        return cube


def _ages(days: int, half_life: float) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = (2.0 ** (-np.arange(days - 1, -1, -1) / half_life)).astype(np.float32)
    return weights


def _level(
    past: NDArray[np.float32],
    valid: NDArray[np.bool_],
    profile: NDArray[np.float32],
    weekdays: NDArray[np.int64],
    half_life: float,
) -> NDArray[np.float32]:
    """Weighted demand over what the weekdays of the same days would bring at level 1."""
    weights = _ages(past.shape[1], half_life)
    usual = np.zeros(len(past), dtype=np.float32)
    for weekday in range(7):
        days = weekdays == weekday
        usual += profile[:, weekday] * (valid[:, days] @ weights[days]).astype(np.float32)
    level: NDArray[np.float32] = (past @ weights) / usual
    return level


def _profile(past: NDArray[np.float32], valid: NDArray[np.bool_], weekdays: NDArray[np.int64]) -> NDArray[np.float32]:
    """(series, 7) with mean 1: each weekday against the mean, drawn towards the profile of all series together."""
    weights = _ages(past.shape[1], _PROFILE_HALF_LIFE_DAYS)
    sold = np.zeros((past.shape[0], 7))
    count = np.zeros_like(sold)
    sales = np.zeros_like(sold)
    for weekday in range(7):
        days = weekdays == weekday
        sold[:, weekday] = past[:, days] @ weights[days]
        count[:, weekday] = valid[:, days] @ weights[days]
        sales[:, weekday] = (past[:, days] > 0) @ weights[days]
    mean = sold.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((mean > 0) & (count > 0), sold / count / mean, 1.0)
    evidence = sales.sum(axis=1, keepdims=True) / 7
    shared = (ratio * evidence).sum(axis=0) / max(float(evidence.sum()), 1e-9) if evidence.sum() > 0 else np.ones(7)
    profile = (evidence * ratio + _PROFILE_PRIOR * shared) / (evidence + _PROFILE_PRIOR)
    normalised: NDArray[np.float32] = (profile / profile.mean(axis=1, keepdims=True)).astype(np.float32)
    return normalised
