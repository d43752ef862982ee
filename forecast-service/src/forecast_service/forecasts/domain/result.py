"""What a run is asked for and what it gives; apart from the engine, whose libraries are heavy to load."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_service.accuracy.domain import OverallAccuracy, SeriesAccuracy

Progress = Callable[[str, float], None]
"""Called with the phase and the fraction done of the whole run."""


@dataclass(frozen=True)
class RunOptions:
    horizon_days: int = 28
    boosting_rows: int = 200_000
    boosting_trees: int = 250
    smoothing_series: int = 5000


@dataclass(frozen=True)
class ForecastResult:
    """`mean` (series, horizon); `daily` (series, horizon, DAILY_LEVELS); `sums` (series, knots, LEVELS) are quantiles
    of the demand of the first `knots` days together; `weights` (models, series) how the models were mixed;
    `recent` (series,) units sold a day in the last four weeks.
    """

    models: tuple[str, ...]
    weights: NDArray[np.float32]
    mean: NDArray[np.float32]
    daily: NDArray[np.float32]
    sums: NDArray[np.float32]
    recent: NDArray[np.float32]
    accuracy: SeriesAccuracy | None
    naive_accuracy: SeriesAccuracy | None
    overall: OverallAccuracy

    def leading_models(self) -> list[str]:
        """For each series the model with the largest weight."""
        return [self.models[index] for index in self.weights.argmax(axis=0).tolist()]
