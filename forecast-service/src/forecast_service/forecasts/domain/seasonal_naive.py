"""The bar every other model has to clear: next week is last week."""

from collections.abc import Sequence

import numpy as np

from forecast_service.forecasts.domain.model import FittedModel, ForecastCube, empty_cube
from forecast_service.forecasts.domain.panel import DemandPanel


class SeasonalNaive:
    name = "seasonal_naive"

    def fit(self, panel: DemandPanel, end: int, horizon: int) -> FittedModel:  # noqa: ARG002 -- nothing to learn
        return self

    def forecast(self, panel: DemandPanel, origins: Sequence[int], horizon: int) -> ForecastCube:
        """A series younger than a week repeats the mean of its days."""
        cube = empty_cube(panel, origins, horizon)
        weeks = -(-horizon // 7)
        for index, origin in enumerate(origins):
            started = np.isfinite(panel.demand[:, origin - 1])
            week = panel.demand[started, max(0, origin - 7) : origin]
            if week.shape[1] < 7:
                week = np.pad(week, ((0, 0), (7 - week.shape[1], 0)), constant_values=np.nan)
            mean = np.nanmean(week, axis=1, keepdims=True)
            cube[index, started] = np.tile(np.where(np.isfinite(week), week, mean), (1, weeks))[:, :horizon]
        return cube
