"""Additive exponential smoothing with a weekly season (statsmodels), for series that sell on many days."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from forecast_service.forecasts.domain.model import FittedModel, ForecastCube, empty_cube
from forecast_service.forecasts.domain.panel import DemandPanel

_SEASON = 7
_MIN_DAYS = 56


@dataclass(frozen=True)
class Smoothing:
    """State after the last fitted day; `season[:, 0]` belongs to the day after it."""

    rows: NDArray[np.int64]
    level_gain: NDArray[np.float64]
    season_gain: NDArray[np.float64]
    level: NDArray[np.float64]
    season: NDArray[np.float64]


@dataclass(frozen=True)
class SeasonalSmoothing:
    """Gains are fitted per series on the last `fit_days` before the first origin, then the state rolls on day by day.

    Series selling on fewer than `min_share` of these days are left to other models. At most `max_series` (those that
    sell most) are fitted, about 4 ms each, which bounds the cost on large catalogues.
    """

    name: str = "ets"
    fit_days: int = 364
    min_share: float = 0.4
    max_series: int = 5000

    def fit(self, panel: DemandPanel, end: int, horizon: int) -> FittedModel:  # noqa: ARG002 -- nothing is shared
        return self

    def forecast(self, panel: DemandPanel, origins: Sequence[int], horizon: int) -> ForecastCube:
        cube = empty_cube(panel, origins, horizon)
        first = min(origins)
        rows = self._regular(panel, first)
        if len(rows) == 0:
            return cube
        state = _fitted(panel, rows, first, self.fit_days)
        wanted = {origin: index for index, origin in enumerate(origins)}
        level, season = state.level.copy(), state.season.copy()
        for day in range(first, max(origins) + 1):
            if day in wanted:
                repeated = np.tile(season, (1, -(-horizon // _SEASON)))[:, :horizon]
                cube[wanted[day], state.rows] = np.maximum(0, level[:, None] + repeated)
            if day < max(origins):
                level, season = _rolled(state, level, season, panel.demand[state.rows, day].astype(np.float64))
        return cube

    def _regular(self, panel: DemandPanel, end: int) -> NDArray[np.int64]:
        window = panel.demand[:, max(0, end - self.fit_days) : end]
        age = np.isfinite(window).sum(axis=1)
        with np.errstate(invalid="ignore"):
            share = (window > 0).sum(axis=1) / np.maximum(age, 1)
        rows = np.flatnonzero((age >= _MIN_DAYS) & (share >= self.min_share))
        if len(rows) > self.max_series:
            volume = np.nansum(window[rows], axis=1)
            rows = np.sort(rows[np.argsort(-volume, kind="stable")[: self.max_series]])
        return rows


def _rolled(
    state: Smoothing, level: NDArray[np.float64], season: NDArray[np.float64], actual: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Source: Hyndman, Athanasopoulos, Forecasting (3rd ed.), section 8.3, additive method without trend."""
    today = season[:, 0]
    new_level = state.level_gain * (actual - today) + (1 - state.level_gain) * level
    new_today = state.season_gain * (actual - level) + (1 - state.season_gain) * today
    return new_level, np.concatenate([season[:, 1:], new_today[:, None]], axis=1)


def _fitted(panel: DemandPanel, rows: NDArray[np.int64], end: int, fit_days: int) -> Smoothing:
    columns = [_fit_one(_window(panel.demand[row], end, fit_days)) for row in rows.tolist()]
    values = np.array(columns)
    return Smoothing(rows, values[:, 0], values[:, 1], values[:, 2], values[:, 3:])


def _window(demand: NDArray[np.float32], end: int, fit_days: int) -> NDArray[np.float64]:
    window = demand[max(0, end - fit_days) : end].astype(np.float64)
    known: NDArray[np.float64] = window[np.isfinite(window)]
    return known


def _fit_one(series: NDArray[np.float64]) -> list[float]:
    """[level gain, season gain, level, next seven seasons]; an optimiser that stops early still gives usable gains."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = ExponentialSmoothing(
            series, seasonal="add", seasonal_periods=_SEASON, initialization_method="heuristic"
        ).fit(use_brute=False)
    gains = [float(fitted.params["smoothing_level"]), float(fitted.params["smoothing_seasonal"])]
    return [*gains, float(fitted.level[-1]), *(float(value) for value in fitted.season[-_SEASON:])]
