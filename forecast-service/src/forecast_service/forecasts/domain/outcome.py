"""The result of a run as plain values, for the step from the computing process to the database."""

from collections import Counter
from dataclasses import asdict

from forecast_service.forecasts.domain.engine import ForecastResult
from forecast_service.forecasts.domain.panel import DemandPanel
from forecast_service.forecasts.domain.runs import RunOutcome


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
