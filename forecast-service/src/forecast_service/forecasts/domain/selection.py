"""Which model to trust for which series: weights from forecasts made inside the history and what then happened."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCORED_DAYS = 28
_PRIOR_ORIGINS = 9.0
"""Backtest origins at which a series' own errors count as much as those of all series together."""
_SHARPNESS = 8.0
_NAIVE_HANDICAP = 1.3
"""Relative loss assumed for seasonal naive where nothing could be tried; the others are assumed alike."""

Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Backtest:
    """`forecasts` is (models, origins, series, horizon); `actual` (series, days) with `scored` false on days that
    must not be judged (before the first sale, out of stock).
    """

    origins: Sequence[int]
    forecasts: NDArray[np.float32]
    actual: NDArray[np.float32]
    scored: NDArray[np.bool_]

    def before(self, end: int) -> "Backtest":
        """Only the origins whose whole scored period lies before `end`."""
        kept = [index for index, origin in enumerate(self.origins) if origin + SCORED_DAYS <= end]
        return Backtest([self.origins[i] for i in kept], self.forecasts[:, kept], self.actual, self.scored)


def model_weights(backtest: Backtest, available: NDArray[np.bool_], naive: int) -> NDArray[np.float32]:
    """(models, series), each column adding up to 1 over the models that are `available` for the series.

    Two losses are mixed: squared errors of days (the mean is what is wanted) and absolute errors of 28-day sums (what
    purchasing lives on). A series' own losses are drawn towards those of all series, then turned into weights by
    exp(-sharpness * relative loss): close models share, bad ones vanish. `naive` is the index of seasonal naive.
    """
    squared, absolute, origins = _losses(backtest)
    weights = np.zeros(available.shape)
    for losses in (squared, absolute):
        relative = np.where(available, _shrunk(losses, origins, naive), np.inf)
        spread = np.exp(-_SHARPNESS * (relative - relative.min(axis=0)))
        weights += spread / spread.sum(axis=0)
    result: NDArray[np.float32] = (weights / 2).astype(np.float32)
    return result


def blended(weights: NDArray[np.float32], forecasts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mixes (models, series, horizon) by (models, series); models with weight 0 may be NaN."""
    if len(weights) != len(forecasts):
        raise ValueError("one row of weights per model is needed")
    mixed = np.zeros(forecasts.shape[1:], dtype=np.float32)
    for weight, forecast in zip(weights, forecasts, strict=True):
        mixed += np.where(weight[:, None] > 0, weight[:, None] * np.nan_to_num(forecast), np.float32(0))
    return mixed


def _losses(backtest: Backtest) -> tuple[Losses, Losses, NDArray[np.int64]]:
    """Mean squared error per day, mean absolute error of 28-day sums (models, series), and origins per series."""
    models, _, series, _ = backtest.forecasts.shape
    squared, absolute = np.zeros((models, series)), np.zeros((models, series))
    count = np.zeros((models, series))
    for index, origin in enumerate(backtest.origins):
        window = slice(origin, origin + SCORED_DAYS)
        scored = backtest.scored[:, window]
        actual = np.where(scored, np.nan_to_num(backtest.actual[:, window]), 0)
        forecast = np.where(scored, backtest.forecasts[:, index, :, :SCORED_DAYS], 0)
        judged = np.isfinite(backtest.forecasts[:, index, :, 0]) & scored.any(axis=1)
        errors = np.where(judged[:, :, None], forecast - actual, 0)
        squared += (errors**2).sum(axis=2) / np.maximum(scored.sum(axis=1), 1)
        absolute += np.abs(errors.sum(axis=2))
        count += judged
    with np.errstate(invalid="ignore", divide="ignore"):
        tried = count.max(axis=0).astype(np.int64)
        return squared / count, absolute / count, tried


def _shrunk(losses: Losses, origins: NDArray[np.int64], naive: int) -> Losses:
    """Losses relative to the mean over models, drawn towards those of all series together."""
    pooled = _pooled(losses, naive)
    known = np.isfinite(losses)
    mean = np.where(known, losses, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(known & (mean > 0), losses / mean, pooled[:, None])
    evidence = np.where(known, origins, 0)
    shrunk: Losses = (evidence * own + _PRIOR_ORIGINS * pooled[:, None]) / (evidence + _PRIOR_ORIGINS)
    return shrunk


def _pooled(losses: Losses, naive: int) -> NDArray[np.float64]:
    """Each model's total loss against seasonal naive's on the series both could forecast, scaled to mean 1."""
    fallback = np.ones(len(losses))
    fallback[naive] = _NAIVE_HANDICAP
    both = np.isfinite(losses) & np.isfinite(losses[naive])
    own = np.where(both, losses, 0).sum(axis=1)
    reference = np.where(both, losses[naive], 0).sum(axis=1)
    usable = reference > 0
    if not usable.any():
        return fallback
    ratio = np.where(usable, own / np.where(usable, reference, 1), np.nan)
    ratio = np.where(usable, ratio, np.nanmean(ratio))
    scaled: NDArray[np.float64] = ratio / ratio.mean()
    return scaled
