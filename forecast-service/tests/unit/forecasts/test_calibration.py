import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecast_service.forecasts.domain.calibration import fitted_table, spreads
from forecast_service.forecasts.domain.distribution import LEVELS


@pytest.mark.parametrize("family", ["poisson", "heavy"])
def test_quantiles_cover_as_often_as_they_say(family: str) -> None:
    random = np.random.default_rng(4)
    expected = random.uniform(1, 200, 6000)
    actual = random.poisson(expected if family == "poisson" else expected * random.lognormal(-0.125, 0.5, 6000))
    spread = np.sqrt(expected) * (1 if family == "poisson" else 3)
    table = fitted_table(expected[:4000], spread[:4000], actual[:4000].astype(float))
    found = table.apply(expected[4000:], spread[4000:])
    for index, level in enumerate(LEVELS):
        if level >= 0.5:
            assert (actual[4000:] <= found[:, index]).mean() == pytest.approx(level, abs=0.03)


finite = st.floats(0, 1e5)


@given(
    expected=arrays(np.float64, 80, elements=finite),
    spread=arrays(np.float64, 80, elements=finite),
    actual=arrays(np.float64, 80, elements=finite),
)
def test_quantiles_never_cross_and_are_never_negative(expected, spread, actual) -> None:
    found = fitted_table(expected, spread, actual).apply(expected, spread)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found >= 0).all()


def test_with_too_few_outcomes_the_errors_are_taken_as_normal() -> None:
    found = fitted_table(np.array([1.0]), np.array([1.0]), np.array([2.0])).apply(np.array([100.0]), np.array([10.0]))
    assert found[0, LEVELS.index(0.5)] == pytest.approx(100)
    assert found[0, LEVELS.index(0.975)] == pytest.approx(119.6, abs=0.1)


def test_a_series_that_never_sold_needs_nothing() -> None:
    random = np.random.default_rng(0)
    table = fitted_table(random.uniform(1, 9, 500), random.uniform(1, 3, 500), random.uniform(0, 20, 500))
    assert not table.apply(np.zeros(1), np.zeros(1)).any()


def test_quantiles_scale_with_demand() -> None:
    random = np.random.default_rng(1)
    expected, spread = random.uniform(1, 50, 900), random.uniform(1, 9, 900)
    actual = random.poisson(expected).astype(float)
    plain = fitted_table(expected, spread, actual).apply(expected, spread)
    scaled = fitted_table(12 * expected, 12 * spread, 12 * actual).apply(12 * expected, 12 * spread)
    np.testing.assert_allclose(scaled, 12 * plain, rtol=1e-9)


def test_spreads_are_those_of_weeks_and_days() -> None:
    demand = np.random.default_rng(2).poisson(4, (3, 400)).astype(np.float32)
    weekly, daily = spreads(demand, 400)
    past = demand[:, 36:].astype(float)
    np.testing.assert_allclose(weekly, past.reshape(3, 52, 7).sum(axis=2).std(axis=1), rtol=1e-6)
    np.testing.assert_allclose(daily, past.std(axis=1), rtol=1e-6)


def test_spreads_do_not_look_ahead_and_are_unknown_before_the_first_sale() -> None:
    demand = np.full((2, 100), 3.0, dtype=np.float32)
    demand[0, 60:] = 900
    demand[1, :70] = np.nan
    weekly, daily = spreads(demand, 60)
    assert weekly[0] == pytest.approx(0.1 * 21)
    assert daily[0] == pytest.approx(0.1 * 3)
    assert np.isnan(weekly[1])
    assert np.isnan(daily[1])
