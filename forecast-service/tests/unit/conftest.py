"""Small demand panels."""

from collections.abc import Callable, Iterator
from datetime import date

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from forecast_service.forecasts.domain.panel import DemandPanel

MONDAY = date(2024, 1, 1)


def panel_of(demand: np.ndarray, *, start: date = MONDAY, censored: np.ndarray | None = None) -> DemandPanel:
    matrix = np.atleast_2d(np.asarray(demand, dtype=np.float32))
    series = matrix.shape[0]
    return DemandPanel(
        skus=tuple(f"A{index:04d}" for index in range(series)),
        warehouses=("MAIN",) * series,
        start=start,
        demand=matrix,
        price=np.ones_like(matrix),
        censored=np.zeros(matrix.shape, dtype=bool) if censored is None else np.atleast_2d(censored),
        clipped_days=0,
    )


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other in busy loops make small fits slow on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def make_panel() -> Callable[..., DemandPanel]:
    return panel_of


@pytest.fixture
def shop() -> DemandPanel:
    """Forty series of 300 days: regular with a weekly season, and intermittent ones; some begin late."""
    random = np.random.default_rng(5)
    days = np.arange(300)
    season = 1 + 0.5 * np.sin(2 * np.pi * days / 7)
    rates = np.concatenate([random.uniform(3, 20, 25), random.uniform(0.05, 0.5, 15)])
    demand = random.poisson(rates[:, None] * season[None, :]).astype(np.float32)
    for row, first in enumerate(random.integers(0, 150, 10)):
        demand[row * 4, :first] = np.nan
    return panel_of(demand)
