"""Forecast errors on days no model had seen. All errors are fractions: 0.25 means 25 percent."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SCORED_DAYS = 28


@dataclass(frozen=True)
class Holdout:
    """What was forecast for the days `[origin, origin + 28)`, and what happened.

    `actual` and `history` are (series, days) with NaN before the first sale; `scored` (series, 28) is false on days
    out of stock; `forecast` and `naive` are (series, 28); `upper_90` and `upper_95` are quantiles of the 28-day sum.
    """

    history: NDArray[np.float32]
    actual: NDArray[np.float32]
    scored: NDArray[np.bool_]
    forecast: NDArray[np.float32]
    naive: NDArray[np.float32]
    upper_90: Floats
    upper_95: Floats


@dataclass(frozen=True)
class SeriesAccuracy:
    """Per series: units sold and forecast on the scored days, sum of the daily absolute errors, and RMSSE.

    NaN for a series too young to be scored; ratios are NaN as well where nothing was sold.
    """

    actual: Floats
    forecast: Floats
    absolute_error: Floats
    rmsse: Floats

    @property
    def wape(self) -> Floats:
        return _divided(self.absolute_error, self.actual)

    @property
    def wape_28(self) -> Floats:
        return np.abs(self.bias)

    @property
    def bias(self) -> Floats:
        return _divided(self.forecast - self.actual, self.actual)


@dataclass(frozen=True)
class OverallAccuracy:
    """`None` when there was nothing to score. RMSSE and coverage are means over series, the others weigh by units.

    `naive_*` are the figures of seasonal naive on the same days. `coverage_90` is the share of series whose 28-day
    demand stayed at or under its 0.9 quantile.
    """

    wape: float | None = None
    naive_wape: float | None = None
    wape_28: float | None = None
    naive_wape_28: float | None = None
    bias: float | None = None
    rmsse: float | None = None
    naive_rmsse: float | None = None
    coverage_90: float | None = None
    coverage_95: float | None = None
    scored_series: int = 0


def score_series(holdout: Holdout, forecast: NDArray[np.float32]) -> SeriesAccuracy:
    """Source: Hyndman, Koehler (2006) for scaled errors; M5 competition guide for RMSSE (scaled by one-step naive)."""
    live = np.isfinite(holdout.history[:, -1])
    scored = holdout.scored & live[:, None]
    actual = np.where(scored, np.nan_to_num(holdout.actual), 0).astype(np.float64)
    predicted = np.where(scored, np.nan_to_num(forecast), 0).astype(np.float64)
    errors = predicted - actual
    days = scored.sum(axis=1)
    unknown = np.where(days > 0, 0.0, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        rmsse = np.sqrt((errors**2).sum(axis=1) / days / _naive_variance(holdout.history))
    return SeriesAccuracy(
        actual=actual.sum(axis=1) + unknown,
        forecast=predicted.sum(axis=1) + unknown,
        absolute_error=np.abs(errors).sum(axis=1) + unknown,
        rmsse=np.where(np.isfinite(rmsse), rmsse, np.nan),
    )


def score_overall(holdout: Holdout, forecast: SeriesAccuracy, naive: SeriesAccuracy) -> OverallAccuracy:
    whole = np.isfinite(forecast.actual) & holdout.scored.all(axis=1)
    demand = np.nan_to_num(holdout.actual).sum(axis=1)
    return OverallAccuracy(
        wape=_share(forecast.absolute_error, forecast.actual),
        naive_wape=_share(naive.absolute_error, naive.actual),
        wape_28=_share(np.abs(forecast.forecast - forecast.actual), forecast.actual),
        naive_wape_28=_share(np.abs(naive.forecast - naive.actual), naive.actual),
        bias=_share(forecast.forecast - forecast.actual, forecast.actual),
        rmsse=_mean(forecast.rmsse),
        naive_rmsse=_mean(naive.rmsse),
        coverage_90=_mean((demand <= holdout.upper_90 + 1e-6)[whole].astype(np.float64)),
        coverage_95=_mean((demand <= holdout.upper_95 + 1e-6)[whole].astype(np.float64)),
        scored_series=int(np.isfinite(forecast.actual).sum()),
    )


def _naive_variance(history: NDArray[np.float32]) -> Floats:
    steps = np.diff(history.astype(np.float64), axis=1)
    known = np.isfinite(steps)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance: Floats = np.where(known, steps**2, 0).sum(axis=1) / known.sum(axis=1)
    return variance


def _divided(numerator: Floats, denominator: Floats) -> Floats:
    return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1), np.nan)


def _share(errors: Floats, actual: Floats) -> float | None:
    total = float(np.nansum(actual))
    return float(np.nansum(errors)) / total if total > 0 else None


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
