"""Quantiles from what the forecasts missed by, measured in the backtest: conformal, relative to the series' own spread.

Source: locally weighted split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, section 5.2);
the residuals are pooled by how large the expected demand is against its usual spread.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.distribution import LEVELS

Floats = NDArray[np.float64]

_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_JUDGED_LEVELS = (0.9, 0.95)
_MAX_SEGMENTS = 8
_PER_SEGMENT = 150
_MIN_RESIDUALS = 60
_SPREAD_WINDOW = 364
_NO_SPREAD = 1e-9
_SPREAD_FLOOR = 0.1
"""A series cannot be trusted to vary by less than this share of its mean, however smooth it was."""


@dataclass(frozen=True)
class QuantileTable:
    """`quantiles` (segments, levels) of the scaled error; `centres` are the segments' positions."""

    exponent: float
    centres: Floats
    quantiles: Floats

    def apply(self, expected: Floats, spread: Floats) -> Floats:
        """(series, levels): quantiles of demand whose mean is `expected`; rising, at least 0."""
        spread = np.where(spread > _NO_SPREAD, spread, 0)
        scale = _scale(expected, spread, self.exponent)
        position = _position(expected, spread)
        errors = np.stack([np.interp(position, self.centres, column) for column in self.quantiles.T], axis=1)
        errors = np.maximum.accumulate(errors, axis=1)
        quantiles: Floats = np.maximum(expected[:, None] + scale[:, None] * errors, 0)
        return quantiles


def fitted_table(expected: Floats, spread: Floats, actual: Floats, levels: tuple[float, ...] = LEVELS) -> QuantileTable:
    """Learns from pairs of forecast and outcome; with too few of them the errors are taken as normal.

    The scale between the series' own spread and its expected demand is the one with the smallest pinball loss.
    """
    usable = (spread > _NO_SPREAD) & np.isfinite(expected) & np.isfinite(actual)
    expected, spread, actual = expected[usable], spread[usable], actual[usable]
    if len(expected) < _MIN_RESIDUALS:
        normal = np.array([[NormalDist().inv_cdf(level) for level in levels]])
        return QuantileTable(1.0, np.zeros(1), normal)
    tables = [_table(expected, spread, actual, exponent, levels) for exponent in _EXPONENTS]
    losses = [_pinball(table, expected, spread, actual, levels) for table in tables]
    return tables[int(np.argmin(losses))]


def spreads(demand: NDArray[np.float32], origin: int) -> tuple[Floats, Floats]:
    """Standard deviation of weekly and of daily demand over the last year before `origin`, (series,) each.

    0 for a series that never sold; NaN for one that has not started.
    """
    weeks = min(_SPREAD_WINDOW, origin) // 7
    window = demand[:, origin - 7 * weeks : origin].astype(np.float64)
    daily_mean, daily = _deviation(window)
    if weeks == 0:
        return daily * np.sqrt(7), daily
    weekly_sums = window.reshape(len(window), weeks, 7).sum(axis=2)
    _, weekly = _deviation(weekly_sums)
    enough = np.isfinite(weekly_sums).sum(axis=1) >= 4
    weekly = np.where(enough, weekly, daily * np.sqrt(7))
    return np.maximum(weekly, _SPREAD_FLOOR * 7 * daily_mean), np.maximum(daily, _SPREAD_FLOOR * daily_mean)


def _deviation(values: Floats) -> tuple[Floats, Floats]:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    filled = np.where(known, values, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=1) / count
        variance = (np.where(known, values - mean[:, None], 0) ** 2).sum(axis=1) / count
    return mean, np.sqrt(variance)


def _scale(expected: Floats, spread: Floats, exponent: float) -> Floats:
    scale: Floats = spread**exponent * (expected + 0.1 * spread) ** (1 - exponent)
    return scale


def _position(expected: Floats, spread: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(spread > 0, expected / spread, 0.0)
    position: Floats = np.log(np.clip(ratio, 1e-3, 1e3))
    return position


def _table(
    expected: Floats, spread: Floats, actual: Floats, exponent: float, levels: tuple[float, ...]
) -> QuantileTable:
    errors = (actual - expected) / _scale(expected, spread, exponent)
    position = _position(expected, spread)
    segments = int(np.clip(len(errors) // _PER_SEGMENT, 1, _MAX_SEGMENTS))
    parts = np.array_split(np.argsort(position, kind="stable"), segments)
    centres = np.array([np.median(position[part]) for part in parts])
    quantiles = np.stack([_conformal(errors[part], levels) for part in parts])
    return QuantileTable(exponent, centres, quantiles)


def _conformal(errors: Floats, levels: tuple[float, ...]) -> Floats:
    """The (n + 1) * level-th smallest error, for upper levels the next larger one: finite samples fall short else."""
    count = len(errors)
    upper = np.minimum((np.array(levels) * (count + 1)) / count, 1.0)
    quantiles: Floats = np.quantile(errors, np.where(np.array(levels) > 0.5, upper, levels))
    return quantiles


def _pinball(
    table: QuantileTable, expected: Floats, spread: Floats, actual: Floats, levels: tuple[float, ...]
) -> float:
    found = table.apply(expected, spread)
    judged = [index for index, level in enumerate(levels) if level in _JUDGED_LEVELS]
    loss = 0.0
    for index in judged or range(len(levels)):
        gap = actual - found[:, index]
        loss += float(np.maximum(levels[index] * gap, (levels[index] - 1) * gap).sum())
    return loss
