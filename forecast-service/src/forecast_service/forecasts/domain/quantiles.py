"""Turns the backtest of a mixture into quantiles of its forecasts: of single days, and of sums of days."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.calibration import QuantileTable, fitted_table, spreads
from forecast_service.forecasts.domain.distribution import knots_of
from forecast_service.forecasts.domain.selection import Backtest, blended

Floats = NDArray[np.float64]

DAILY_LEVELS = (0.1, 0.5, 0.9)
_WEEKS = (7, 14, 28)
"""Days ahead at which a group of days with a table of its own ends; the last group has no end."""
_MAX_DAILY_RESIDUALS = 60_000


@dataclass(frozen=True)
class Quantiles:
    """`daily` (series, horizon, DAILY_LEVELS) and `sums` (series, knots, LEVELS)."""

    daily: NDArray[np.float32]
    sums: NDArray[np.float32]


@dataclass(frozen=True)
class Calibration:
    """Tables by number of days summed, and by group of days ahead."""

    horizon: int
    sums: dict[int, QuantileTable]
    daily: list[QuantileTable]

    def apply(self, demand: NDArray[np.float32], origin: int, mean: NDArray[np.float32]) -> Quantiles:
        knots = knots_of(self.horizon)
        by_knot = [self.of_sum(demand, origin, mean, knot) for knot in knots]
        sums = np.maximum.accumulate(np.stack(by_knot, axis=1), axis=1)
        _, spread = spreads(demand, origin)
        daily = np.zeros((*mean.shape, len(DAILY_LEVELS)), dtype=np.float32)
        for table, days in zip(self.daily, _groups(self.horizon), strict=True):
            for day in days:
                daily[:, day] = table.apply(mean[:, day].astype(np.float64), np.nan_to_num(spread))
        return Quantiles(daily, sums.astype(np.float32))

    def of_sum(self, demand: NDArray[np.float32], origin: int, mean: NDArray[np.float32], days: int) -> Floats:
        """(series, LEVELS) of the first `days` days together; `days` is one of the knots."""
        weekly, _ = spreads(demand, origin)
        expected = mean[:, :days].sum(axis=1, dtype=np.float64)
        return self.sums[days].apply(expected, np.nan_to_num(weekly) * np.sqrt(days / 7))


def calibrate(demand: NDArray[np.float32], backtest: Backtest, weights: NDArray[np.float32], end: int) -> Calibration:
    """From the backtest's origins whose summed days lie before `end`; `demand` has its censored days filled."""
    horizon = backtest.forecasts.shape[3]
    residuals = _Residuals(demand, backtest, weights, end)
    return Calibration(
        horizon=horizon,
        sums={knot: fitted_table(*residuals.of_sums(knot)) for knot in knots_of(horizon)},
        daily=[fitted_table(*residuals.of_days(days), levels=DAILY_LEVELS) for days in _groups(horizon)],
    )


def _groups(horizon: int) -> list[range]:
    edges = [0, *(edge for edge in _WEEKS if edge < horizon), horizon]
    return [range(begin, end) for begin, end in pairwise(edges)]


class _Residuals:
    """Forecast, usual spread and outcome at every origin of the backtest."""

    def __init__(self, demand: NDArray[np.float32], backtest: Backtest, weights: NDArray[np.float32], end: int) -> None:
        self._demand = demand
        self._end = end
        self._origins = [origin for origin in backtest.origins if origin < end]
        self._means = [_mixed(weights, backtest.forecasts[:, index]) for index in range(len(self._origins))]
        self._spreads = [spreads(demand, origin) for origin in self._origins]

    def of_sums(self, days: int) -> tuple[Floats, Floats, Floats]:
        parts: list[tuple[Floats, Floats, Floats]] = []
        for origin, mean, (weekly, _) in zip(self._origins, self._means, self._spreads, strict=True):
            if origin + days <= self._end:
                actual = self._demand[:, origin : origin + days].sum(axis=1, dtype=np.float64)
                expected = mean[:, :days].sum(axis=1, dtype=np.float64)
                parts.append(_started(expected, weekly * np.sqrt(days / 7), actual, weekly))
        return _joined(parts)

    def of_days(self, days: range) -> tuple[Floats, Floats, Floats]:
        parts: list[tuple[Floats, Floats, Floats]] = []
        for origin, mean, (_, spread) in zip(self._origins, self._means, self._spreads, strict=True):
            for day in days:
                if origin + day < self._end:
                    actual = self._demand[:, origin + day].astype(np.float64)
                    parts.append(_started(mean[:, day].astype(np.float64), spread, actual, spread))
        expected, spread, actual = _joined(parts)
        every = max(1, len(expected) // _MAX_DAILY_RESIDUALS)
        return expected[::every], spread[::every], actual[::every]


def _mixed(weights: NDArray[np.float32], forecasts: NDArray[np.float32]) -> NDArray[np.float32]:
    """A model that could not forecast then leaves its weight to the others."""
    usable = np.where(np.isfinite(forecasts[:, :, 0]), weights, np.float32(0))
    total = usable.sum(axis=0)
    mixed = blended((usable / np.where(total > 0, total, 1)).astype(np.float32), forecasts)
    mixed[total <= 0] = np.nan
    return mixed


def _started(expected: Floats, spread: Floats, actual: Floats, known: Floats) -> tuple[Floats, Floats, Floats]:
    rows = np.isfinite(known) & np.isfinite(actual) & np.isfinite(expected)
    return expected[rows], spread[rows], actual[rows]


def _joined(parts: Sequence[tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    if not parts:
        nothing = np.zeros(0)
        return nothing, nothing, nothing
    expected, spread, actual = (np.concatenate(column) for column in zip(*parts, strict=True))
    return expected, spread, actual
