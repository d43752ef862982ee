"""What every forecasting model offers, so that the engine can try and mix them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.panel import DemandPanel

ForecastCube = NDArray[np.float32]
"""(origins, series, horizon): expected demand per day, at least 0; NaN where the model does not apply."""


class FittedModel(Protocol):
    def forecast(self, panel: DemandPanel, origins: Sequence[int], horizon: int) -> ForecastCube:
        """Forecasts the `horizon` days from column `origin` on, knowing the columns before it only.

        What belongs to one series (smoothing parameters) is learnt from the columns before the first origin.
        """


class Model(Protocol):
    @property
    def name(self) -> str: ...

    def fit(self, panel: DemandPanel, end: int, horizon: int) -> FittedModel:
        """Learns what all series share, from the columns before `end`; no later origin is spoilt by it."""


def empty_cube(panel: DemandPanel, origins: Sequence[int], horizon: int) -> ForecastCube:
    return np.full((len(origins), panel.series, horizon), np.nan, dtype=np.float32)
