"""What every model must keep to, whatever it does inside."""

from dataclasses import replace

import numpy as np
import pytest

from forecast_service.forecasts.domain.boosting import GradientBoosting
from forecast_service.forecasts.domain.exponential_smoothing import SeasonalSmoothing
from forecast_service.forecasts.domain.intermittent import IntermittentDemand
from forecast_service.forecasts.domain.seasonal_naive import SeasonalNaive
from forecast_service.forecasts.domain.weighted_level import WeightedLevel

MODELS = [
    SeasonalNaive(),
    WeightedLevel("weighted_level", 14, 200, 0.2),
    IntermittentDemand(),
    SeasonalSmoothing(),
    GradientBoosting(max_rows=6000, origins=20, trees=15),
]
EVERY = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
ORIGINS = (240, 272)


def forecast(model, panel, origins=ORIGINS, horizon=28):
    return model.fit(panel, min(origins), horizon).forecast(panel, origins, horizon)


@EVERY
def test_forecasts_have_the_promised_shape_and_are_never_negative(model, shop) -> None:
    cube = forecast(model, shop)
    assert cube.shape == (2, 40, 28)
    assert not (cube[np.isfinite(cube)] < 0).any()
    assert np.isfinite(cube).all(axis=2).mean() >= (0.5 if model.name == "ets" else 1)


@EVERY
def test_the_future_changes_nothing(model, shop) -> None:
    other = shop.demand.copy()
    other[:, 272:] = 999
    price = shop.price.copy()
    price[:, 272:] = 5
    changed = replace(shop, demand=other, price=price)
    np.testing.assert_array_equal(forecast(model, changed), forecast(model, shop))


@EVERY
def test_what_happens_after_the_first_origin_does_not_change_its_forecast(model, shop) -> None:
    other = shop.demand.copy()
    other[:, 240:] = 999
    np.testing.assert_array_equal(forecast(model, replace(shop, demand=other))[0], forecast(model, shop)[0])


@EVERY
def test_forecasts_scale_with_demand(model, shop) -> None:
    scaled = forecast(model, replace(shop, demand=shop.demand * 8))
    if model.name == "gradient_boosting":  # trees may split elsewhere by a rounding error
        difference = np.abs(scaled / 8 - forecast(model, shop)).sum() / forecast(model, shop).sum()
        assert difference < 0.02
    else:
        np.testing.assert_allclose(scaled / 8, forecast(model, shop), rtol=2e-3, atol=1e-3)


@EVERY
def test_a_constant_series_stays_constant(model, make_panel) -> None:
    panel = make_panel(np.full((12, 200), 7.0))
    np.testing.assert_allclose(forecast(model, panel, (200,)), 7.0, rtol=0.01)


@EVERY
def test_a_series_that_never_sold_is_forecast_as_nothing(model, make_panel) -> None:
    cube = forecast(model, make_panel(np.zeros((3, 120))), (120,))
    assert not np.nan_to_num(cube).any()


@EVERY
def test_a_series_of_one_day_breaks_nothing(model, make_panel) -> None:
    demand = np.full((4, 90), np.nan)
    demand[:, -1] = 3
    cube = forecast(model, make_panel(demand), (90,))
    known = cube[np.isfinite(cube)]
    assert ((known >= 0) & (known <= 3)).all()


@EVERY
def test_a_series_that_has_not_begun_is_not_forecast(model, shop) -> None:
    demand = shop.demand.copy()
    demand[3, :260] = np.nan
    assert np.isnan(forecast(model, replace(shop, demand=demand))[0, 3]).all()


@EVERY
def test_long_horizons_are_possible(model, shop) -> None:
    cube = forecast(model, shop, (200,), 91)
    assert cube.shape == (1, 40, 91)
    assert not (cube[np.isfinite(cube)] < 0).any()
