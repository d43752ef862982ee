import numpy as np
import pytest

from forecast_service.forecasts.domain.distribution import LEVELS, DemandDistribution, knots_of, normal_score


@pytest.fixture
def normal() -> DemandDistribution:
    """Independent normal days: mean 10 and 4, variance 4 and 1 a day, so every quantile of a sum is known."""
    mean = np.stack([np.full(28, 10.0), np.full(28, 4.0)])
    deviation = np.array([2.0, 1.0])
    scores = np.array([normal_score(level) for level in LEVELS])
    days = np.array(knots_of(28), dtype=float)
    sums = mean[:, :1, None] * days[None, :, None] + deviation[:, None, None] * np.sqrt(days)[None, :, None] * scores
    return DemandDistribution(mean, sums)


def both(days: int) -> np.ndarray:
    return np.array([days, days])


@pytest.mark.parametrize("days", [1, 7, 12, 28])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.93, 0.95, 0.995])
def test_quantiles_of_sums_are_found_between_knots_and_levels(normal, days: int, level: float) -> None:
    found = normal.quantile(both(days), np.full(2, level))
    exact = np.array([10.0, 4.0]) * days + np.array([2.0, 1.0]) * np.sqrt(days) * normal_score(level)
    np.testing.assert_allclose(found, exact, rtol=0.01)


def test_beyond_the_horizon_the_mean_goes_on_and_the_spread_grows_with_the_root(normal) -> None:
    found = normal.quantile(both(112), np.full(2, 0.95))
    np.testing.assert_allclose(found, [1120 + 2 * np.sqrt(112) * 1.645, 448 + np.sqrt(112) * 1.645], rtol=1e-3)


def test_no_day_needs_nothing(normal) -> None:
    assert not normal.quantile(both(0), np.full(2, 0.99)).any()
    assert not normal.expected(both(0)).any()


def test_a_higher_level_and_a_longer_time_never_need_less(normal) -> None:
    by_day = np.stack([normal.quantile(both(days), np.full(2, 0.95)) for days in range(60)])
    by_level = np.stack([normal.quantile(both(14), np.full(2, level)) for level in np.linspace(0.02, 0.998, 60)])
    assert (np.diff(by_day, axis=0) >= 0).all()
    assert (np.diff(by_level, axis=0) >= 0).all()


def test_the_expected_shortage_is_that_of_the_normal_distribution(normal) -> None:
    stock = np.array([100.0, 36.0])
    found = normal.shortage(both(9), stock)
    deviation = np.array([2.0, 1.0]) * 3
    scaled = (stock - np.array([90.0, 36.0])) / deviation
    density = np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi)
    upper = np.array([1 - _normal(value) for value in scaled])
    np.testing.assert_allclose(found, deviation * (density - scaled * upper), rtol=0.03, atol=0.02)


def _normal(value: float) -> float:
    from statistics import NormalDist

    return NormalDist().cdf(value)


def test_stock_for_everything_leaves_no_shortage(normal) -> None:
    assert not normal.shortage(both(28), np.full(2, 1e6)).any()


@pytest.mark.parametrize(("horizon", "last"), [(28, 28), (29, 29), (91, 91), (30, 30)])
def test_the_last_knot_is_the_horizon(horizon: int, last: int) -> None:
    knots = knots_of(horizon)
    assert knots[-1] == last
    assert list(knots) == sorted(set(knots))
