"""Teunter-Syntetos-Babai smoothing for demand that comes now and then; it decays when an article dies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast_service.forecasts.domain.model import FittedModel, ForecastCube, empty_cube
from forecast_service.forecasts.domain.panel import DemandPanel


@dataclass(frozen=True)
class IntermittentDemand:
    """Size of a sale and probability of a sale are smoothed apart; the forecast is their product on every day.

    Source: Teunter, Syntetos, Babai (2011), equation 4; the gains start as 1/n (plain averages) until they have
    fallen to their constants, so that no starting value has to be guessed.
    """

    name: str = "tsb"
    size_gain: float = 0.05
    probability_gain: float = 0.05

    def fit(self, panel: DemandPanel, end: int, horizon: int) -> FittedModel:  # noqa: ARG002 -- nothing to learn
        return self

    def forecast(self, panel: DemandPanel, origins: Sequence[int], horizon: int) -> ForecastCube:
        cube = empty_cube(panel, origins, horizon)
        wanted = {origin: index for index, origin in enumerate(origins)}
        size, probability = np.zeros(panel.series), np.zeros(panel.series)
        days, sales = np.zeros(panel.series), np.zeros(panel.series)
        for day in range(max(origins)):
            actual = panel.demand[:, day]
            known, sold = np.isfinite(actual), actual > 0
            days += known
            sales += sold
            gain = np.maximum(self.probability_gain, 1 / np.maximum(days, 1))
            probability += np.where(known, gain * (sold - probability), 0.0)
            gain = np.maximum(self.size_gain, 1 / np.maximum(sales, 1))
            size += np.where(sold, gain * (actual - size), 0.0)
            if day + 1 in wanted:
                level = np.where(days > 0, size * probability, np.nan)
                cube[wanted[day + 1]] = level[:, None]
        return cube
