"""A whole forecast run: backtest, choice, calibration, accuracy on held-out days, forecast with quantiles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecast_service.accuracy.domain import (
    SCORED_DAYS,
    Holdout,
    OverallAccuracy,
    SeriesAccuracy,
    score_overall,
    score_series,
)
from forecast_service.forecasts.domain.boosting import GradientBoosting
from forecast_service.forecasts.domain.censoring import fill_censored
from forecast_service.forecasts.domain.distribution import LEVELS
from forecast_service.forecasts.domain.exponential_smoothing import SeasonalSmoothing
from forecast_service.forecasts.domain.intermittent import IntermittentDemand
from forecast_service.forecasts.domain.model import ForecastCube, Model
from forecast_service.forecasts.domain.panel import DemandPanel
from forecast_service.forecasts.domain.quantiles import calibrate
from forecast_service.forecasts.domain.result import ForecastResult, Progress, RunOptions
from forecast_service.forecasts.domain.seasonal_naive import SeasonalNaive
from forecast_service.forecasts.domain.selection import Backtest, blended, model_weights
from forecast_service.forecasts.domain.weighted_level import WeightedLevel

_STEP_DAYS = 7
_ORIGINS = 13
_MIN_HISTORY = 28
_LEVEL_DAYS = 28


def default_models(options: RunOptions) -> tuple[Model, ...]:
    """Seasonal naive comes first: it is what the others are measured against."""
    return (
        SeasonalNaive(),
        WeightedLevel("weighted_level", half_life_days=10, slow_half_life_days=200, slow_share=0.25),
        WeightedLevel("slow_level", half_life_days=40, slow_half_life_days=200, slow_share=0.3),
        IntermittentDemand(),
        SeasonalSmoothing(max_series=options.smoothing_series),
        GradientBoosting(max_rows=options.boosting_rows, trees=options.boosting_trees),
    )


def run_forecast(panel: DemandPanel, options: RunOptions, progress: Progress) -> ForecastResult:
    """Nothing is learnt from a period that is scored: the held-out days are hidden from the fit and from the choice."""
    progress("preparing", 0.0)
    run = _Run(panel, options, progress)
    backtest = run.backtest()
    held_out = run.held_out(backtest)
    forecasts = run.forecasts(panel.days, "forecasting", 0.6)
    weights = run.weights(backtest, forecasts, panel.days)
    progress("calibrating", 0.9)
    mean = blended(weights, forecasts)
    quantiles = calibrate(run.filled.demand, backtest, weights, panel.days).apply(run.filled.demand, panel.days, mean)
    recent = panel.demand[:, -_LEVEL_DAYS:]
    known = np.isfinite(recent)
    progress("done", 1.0)
    return ForecastResult(
        models=tuple(model.name for model in run.models),
        weights=weights,
        mean=mean,
        daily=quantiles.daily,
        sums=quantiles.sums,
        recent=(np.where(known, recent, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)).astype(np.float32),
        accuracy=held_out[0],
        naive_accuracy=held_out[1],
        overall=held_out[2],
    )


class _Run:
    def __init__(self, panel: DemandPanel, options: RunOptions, progress: Progress) -> None:
        self.panel = panel
        self.filled = panel.with_demand(fill_censored(panel))
        self.models = default_models(options)
        self._horizon = options.horizon_days
        self._progress = progress
        self._scored = np.isfinite(panel.demand) & ~panel.censored

    def backtest(self) -> Backtest:
        """Origins a week apart: enough for the choice before the held-out days as well as before today."""
        today = self.panel.days
        origins = sorted(
            {
                origin
                for end in (today - SCORED_DAYS, today)
                for origin in range(end - SCORED_DAYS, end - SCORED_DAYS - _STEP_DAYS * _ORIGINS, -_STEP_DAYS)
                if origin >= _MIN_HISTORY
            }
        )
        shape = (len(self.models), 0, self.panel.series, self._horizon)
        cubes = self._tried(origins, "backtest", 0.05, 0.3) if origins else np.zeros(shape, dtype=np.float32)
        return Backtest(origins, cubes, self.panel.demand, self._scored)

    def held_out(self, backtest: Backtest) -> tuple[SeriesAccuracy | None, SeriesAccuracy | None, OverallAccuracy]:
        """Accuracy on the last 28 days, by a choice and a fit that end before them."""
        origin = self.panel.days - SCORED_DAYS
        if origin < _MIN_HISTORY:
            return None, None, OverallAccuracy()
        forecasts = self.forecasts(origin, "accuracy", 0.35)
        weights = self.weights(backtest, forecasts, origin)
        mean = blended(weights, forecasts)
        known = calibrate(self.filled.demand, backtest, weights, origin)
        upper = known.of_sum(self.filled.demand, origin, mean, SCORED_DAYS)
        days = slice(origin, origin + SCORED_DAYS)
        holdout = Holdout(
            history=self.panel.demand[:, :origin],
            actual=self.panel.demand[:, days],
            scored=self._scored[:, days],
            forecast=mean[:, :SCORED_DAYS],
            naive=forecasts[0][:, :SCORED_DAYS],
            upper_90=upper[:, LEVELS.index(0.9)],
            upper_95=upper[:, LEVELS.index(0.95)],
        )
        own, naive = score_series(holdout, holdout.forecast), score_series(holdout, holdout.naive)
        return own, naive, score_overall(holdout, own, naive)

    def forecasts(self, origin: int, phase: str, begin: float) -> NDArray[np.float32]:
        """(models, series, horizon) from everything known before `origin`."""
        return self._tried([origin], phase, begin, begin + 0.25)[:, 0]

    def weights(self, backtest: Backtest, forecasts: NDArray[np.float32], end: int) -> NDArray[np.float32]:
        available = np.isfinite(forecasts[:, :, 0])
        available[0] |= ~available.any(axis=0)
        return model_weights(backtest.before(end), available, naive=0)

    def _tried(self, origins: Sequence[int], phase: str, begin: float, end: float) -> NDArray[np.float32]:
        cubes: list[ForecastCube] = []
        for index, model in enumerate(self.models):
            self._progress(phase, begin + (end - begin) * index / len(self.models))
            fitted = model.fit(self.filled, min(origins), self._horizon)
            cubes.append(fitted.forecast(self.filled, origins, self._horizon))
        return np.stack(cubes)
