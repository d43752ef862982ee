"""The forecast of one run as a distribution: of single days, and of sums over any number of days."""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)
_KNOTS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 56, 70, 91)
_SCORES = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
_SHORTAGE_POINTS = 40
_TAIL_DAYS = 28


def knots_of(horizon: int) -> tuple[int, ...]:
    """Numbers of days for which the quantiles of the sum are kept; between them the excess over the mean is linear."""
    return (*(knot for knot in _KNOTS if knot < horizon), horizon)


@lru_cache(maxsize=4096)
def normal_score(level: float) -> float:
    return NormalDist().inv_cdf(level)


@dataclass(frozen=True)
class DemandDistribution:
    """`mean` is (series, horizon) per day; `sums` (series, knots, levels) are quantiles of the demand of the first
    `knots` days together, rising with the level. Beyond the horizon the mean of the last 28 days goes on and the
    spread grows with the root of time.
    """

    mean: Floats
    sums: Floats

    @property
    def horizon(self) -> int:
        return int(self.mean.shape[1])

    def expected(self, days: NDArray[np.int64]) -> Floats:
        """Expected demand of the first `days` (series,) days."""
        totals = np.concatenate([np.zeros((len(self.mean), 1)), self.mean.cumsum(axis=1)], axis=1)
        line = np.arange(len(self.mean))
        inside = totals[line, np.clip(days, 0, self.horizon)]
        tail = self.mean[:, -_TAIL_DAYS:].mean(axis=1)
        beyond: Floats = inside + tail * np.maximum(days - self.horizon, 0)
        return beyond

    def quantile(self, days: NDArray[np.int64], level: Floats) -> Floats:
        """Quantile (fraction in (0, 1), one per series) of the demand of the first `days` days together."""
        scores = np.array([normal_score(value) for value in level.tolist()])
        return np.maximum(_at_scores(self._curves(days), scores), 0)

    def shortage(self, days: NDArray[np.int64], stock: Floats) -> Floats:
        """Units of the demand of the first `days` days that `stock` is expected not to cover."""
        curves = self._curves(days)
        total = np.zeros(len(self.mean))
        for point in range(_SHORTAGE_POINTS):
            score = normal_score((point + 0.5) / _SHORTAGE_POINTS)
            demand = np.maximum(_at_scores(curves, np.full(len(self.mean), score)), 0)
            total += np.maximum(demand - stock, 0)
        return total / _SHORTAGE_POINTS

    def _curves(self, days: NDArray[np.int64]) -> Floats:
        """(series, levels): the quantiles of the sum over each series' own number of days."""
        knots = np.array((0, *knots_of(self.horizon)))
        totals = np.concatenate([np.zeros((len(self.mean), 1)), self.mean.cumsum(axis=1)], axis=1)
        excess = np.concatenate([np.zeros((len(self.sums), 1, len(LEVELS))), self.sums], axis=1)
        excess = excess - totals[:, knots][:, :, None]
        inside = np.clip(days, 0, self.horizon)
        right = np.clip(np.searchsorted(knots, inside, side="left"), 1, len(knots) - 1)
        share = (inside - knots[right - 1]) / (knots[right] - knots[right - 1])
        line = np.arange(len(self.mean))
        between = excess[line, right - 1] * (1 - share)[:, None] + excess[line, right] * share[:, None]
        stretch = np.sqrt(np.maximum(days, self.horizon) / self.horizon)
        curve: Floats = self.expected(days)[:, None] + between * stretch[:, None]
        return curve


def _at_scores(curves: Floats, scores: Floats) -> Floats:
    """Between two levels linear in the normal score, outside them as between the nearest two."""
    right = np.clip(np.searchsorted(_SCORES, scores), 1, len(LEVELS) - 1)
    share = (scores - _SCORES[right - 1]) / (_SCORES[right] - _SCORES[right - 1])
    line = np.arange(len(curves))
    value: Floats = curves[line, right - 1] + share * (curves[line, right] - curves[line, right - 1])
    return value
