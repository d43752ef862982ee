"""One gradient-boosting model for all series: direct forecasts of demand relative to the recent level."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from forecast_service.forecasts.domain.boosting_features import OriginFeatures, features_at, matrix
from forecast_service.forecasts.domain.model import FittedModel, ForecastCube, empty_cube
from forecast_service.forecasts.domain.panel import DemandPanel

_DAYS_PER_ORIGIN = 6
_MIN_AGE = 7
_MIN_ROWS = 1000
_BLOCK = 4096


@dataclass(frozen=True)
class GradientBoosting:
    """At most `max_rows` training rows are drawn, so that the cost of a fit does not grow with the catalogue."""

    name: str = "gradient_boosting"
    max_rows: int = 300_000
    origins: int = 100
    trees: int = 250
    leaves: int = 31
    learning_rate: float = 0.07
    seed: int = 7

    def fit(self, panel: DemandPanel, end: int, horizon: int) -> FittedModel:
        """Without enough history to learn from, a model that forecasts nothing."""
        rows = _TrainingRows(self, panel, end, horizon)
        parts = list(rows.draw())
        if not parts:
            return FittedBoosting(None, np.zeros(0, dtype=np.int64))
        inputs, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        parts.clear()
        usable = np.flatnonzero(np.isfinite(inputs).any(axis=0))
        if len(inputs) < _MIN_ROWS or not targets.any():
            return FittedBoosting(None, usable)
        regressor = HistGradientBoostingRegressor(
            loss="poisson",
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            learning_rate=self.learning_rate,
            min_samples_leaf=int(np.clip(len(inputs) // 200, 20, 100)),
            max_features=0.5,
            early_stopping=False,
            random_state=self.seed,
        )
        regressor.fit(inputs[:, usable], targets, sample_weight=weights)
        return FittedBoosting(regressor, usable)


class FittedBoosting:
    """`columns` are the features that had any value in training; the others break the binning of scikit-learn."""

    def __init__(self, regressor: HistGradientBoostingRegressor | None, columns: NDArray[np.int64]) -> None:
        self._regressor = regressor
        self._columns = columns

    def forecast(self, panel: DemandPanel, origins: Sequence[int], horizon: int) -> ForecastCube:
        cube = empty_cube(panel, origins, horizon)
        if self._regressor is None:
            return cube
        first_days = panel.first_days()
        for index, origin in enumerate(origins):
            started = np.flatnonzero(first_days < origin)
            for begin in range(0, len(started), _BLOCK):
                rows = started[begin : begin + _BLOCK]
                features = features_at(panel, first_days, rows, origin, horizon)
                ahead = np.broadcast_to(np.arange(1, horizon + 1), (len(rows), horizon))
                predicted = self._regressor.predict(matrix(panel, features, ahead)[:, self._columns])
                cube[index, rows] = predicted.reshape(len(rows), horizon) * features.level[:, None]
        return cube


class _TrainingRows:
    """Random origins, at each a random part of the series, for each series a few random days ahead of it."""

    def __init__(self, model: GradientBoosting, panel: DemandPanel, end: int, horizon: int) -> None:
        self._panel = panel
        self._end = end
        self._horizon = horizon
        self._random = np.random.default_rng(model.seed)
        self._first_days = panel.first_days()
        candidates = np.arange(min(365, max(28, end // 3)), end - 1)
        count = min(model.origins, len(candidates))
        self._origins = np.sort(self._random.choice(candidates, count, replace=False)).tolist()
        self._per_origin = max(1, model.max_rows // (max(count, 1) * _DAYS_PER_ORIGIN))

    def draw(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
        """Inputs, targets relative to the level, and weights; censored days are no targets."""
        for origin in self._origins:
            rows = np.flatnonzero(self._first_days < origin - _MIN_AGE)
            if len(rows) > self._per_origin:
                rows = np.sort(self._random.choice(rows, self._per_origin, replace=False))
            reach = min(self._horizon, self._end - origin)
            if len(rows) == 0 or reach < 1:
                continue
            ahead = self._random.integers(1, reach + 1, (len(rows), _DAYS_PER_ORIGIN))
            yield self._at(features_at(self._panel, self._first_days, rows, origin, reach), ahead)

    def _at(
        self, features: OriginFeatures, ahead: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        target = features.origin - 1 + ahead
        actual = self._panel.demand[features.rows[:, None], target]
        level = np.broadcast_to(features.level[:, None], actual.shape)
        wanted = ~self._panel.censored[features.rows[:, None], target].ravel()
        inputs = matrix(self._panel, features, ahead)[wanted]
        return inputs, (actual / level).ravel()[wanted], level.ravel()[wanted]
