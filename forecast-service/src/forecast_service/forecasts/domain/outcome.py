"""The result of a run as plain values, for the step from the computing process to the database."""

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_service.accuracy.domain import SeriesAccuracy
from forecast_service.forecasts.domain.panel import DemandPanel
from forecast_service.forecasts.domain.result import ForecastResult
from forecast_service.forecasts.domain.runs import RunOutcome


@dataclass(frozen=True)
class ComputedSeries:
    """Series in the order of their codes; arrays are read from disk when touched."""

    skus: list[str]
    warehouses: list[str]
    models: list[str]
    weights: NDArray[np.float32]
    mean: NDArray[np.float32]
    daily: NDArray[np.float32]
    sums: NDArray[np.float32]
    recent: NDArray[np.float32]
    accuracy: SeriesAccuracy | None
    naive_accuracy: SeriesAccuracy | None


@dataclass(frozen=True)
class StoredSeries:
    """`keys` maps article and warehouse to the row; `mean` (series, horizon), `sums` (series, knots * LEVELS)."""

    keys: dict[tuple[str, str], int]
    models: list[str]
    recent: list[float]
    mean: NDArray[np.float32]
    sums: NDArray[np.float32]


def outcome_of(panel: DemandPanel, result: ForecastResult) -> RunOutcome:
    accuracy = {
        name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(result.overall).items()
    }
    return RunOutcome(
        history_start=panel.start,
        history_end=panel.end,
        horizon_days=int(result.mean.shape[1]),
        articles=panel.series,
        model_names=result.models,
        models=dict(Counter(result.leading_models()).most_common()),
        accuracy={**accuracy, "clipped_days": panel.clipped_days},
    )
