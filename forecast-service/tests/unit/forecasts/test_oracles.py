"""The vectorised models against slow, plain re-computations."""

import numpy as np
from forecast_service.forecasts.domain.exponential_smoothing import SeasonalSmoothing
from forecast_service.forecasts.domain.intermittent import IntermittentDemand
from forecast_service.forecasts.domain.seasonal_naive import SeasonalNaive
from forecast_service.forecasts.domain.weighted_level import WeightedLevel
from statsmodels.tsa.holtwinters import ExponentialSmoothing


def plain_tsb(series: list[float], size_gain: float, probability_gain: float) -> float:
    size = probability = 0.0
    days = sales = 0
    for quantity in series:
        if quantity != quantity:
            continue
        days += 1
        sold = quantity > 0
        probability += max(probability_gain, 1 / days) * (float(sold) - probability)
        if sold:
            sales += 1
            size += max(size_gain, 1 / sales) * (quantity - size)
    return size * probability


def test_tsb_equals_the_plain_recursion(shop) -> None:
    model = IntermittentDemand(size_gain=0.1, probability_gain=0.07)
    cube = model.forecast(shop, (150, 300), 28)
    for index, origin in enumerate((150, 300)):
        for row in range(shop.series):
            series = shop.demand[row, :origin].tolist()
            if not np.isfinite(series).any():
                continue
            np.testing.assert_allclose(cube[index, row], plain_tsb(series, 0.1, 0.07), rtol=1e-5)


def test_the_level_is_the_exponentially_weighted_mean(shop) -> None:
    cube = WeightedLevel("level", 14, 200, 0.25).forecast(shop, (280,), 28)
    for row in range(0, shop.series, 7):
        known = [quantity for quantity in shop.demand[row, :280].tolist() if quantity == quantity]
        means = []
        for half_life in (14, 200):
            weights = [2 ** (-(len(known) - 1 - day) / half_life) for day in range(len(known))]
            means.append(sum(w * y for w, y in zip(weights, known, strict=True)) / sum(weights))
        week = cube[0, row, :7].mean(dtype=np.float64)
        np.testing.assert_allclose(week, 0.75 * means[0] + 0.25 * means[1], rtol=1e-4)


def test_the_weekday_profile_finds_the_season_of_a_regular_series(make_panel) -> None:
    week = np.array([10, 12, 14, 16, 18, 40, 30])
    panel = make_panel(np.tile(week, 60))
    cube = WeightedLevel("level", 14, 200, 0.2).forecast(panel, (420,), 14)
    np.testing.assert_allclose(cube[0, 0], np.tile(week, 2), rtol=0.02)


def test_exponential_smoothing_equals_statsmodels_with_the_same_gains(shop) -> None:
    """Fitted at day 230, rolled on to day 290: statsmodels filters the whole series with those very gains."""
    cube = SeasonalSmoothing().forecast(shop, (230, 290), 28)
    row = 1
    fitted = ExponentialSmoothing(
        shop.demand[row, :230].astype(float), seasonal="add", seasonal_periods=7, initialization_method="heuristic"
    ).fit(use_brute=False)
    np.testing.assert_allclose(cube[0, row], np.maximum(fitted.forecast(28), 0), rtol=1e-4)
    rolled = ExponentialSmoothing(
        shop.demand[row, :290].astype(float),
        seasonal="add",
        seasonal_periods=7,
        initialization_method="known",
        initial_level=fitted.params["initial_level"],
        initial_seasonal=fitted.params["initial_seasons"],
    ).fit(
        smoothing_level=fitted.params["smoothing_level"],
        smoothing_seasonal=fitted.params["smoothing_seasonal"],
        optimized=False,
    )
    np.testing.assert_allclose(cube[1, row], np.maximum(rolled.forecast(28), 0), rtol=1e-4)


def test_exponential_smoothing_takes_only_the_largest_series_when_there_are_too_many(shop) -> None:
    cube = SeasonalSmoothing(max_series=5).forecast(shop, (280,), 7)
    taken = np.flatnonzero(np.isfinite(cube[0, :, 0]))
    volume = np.nansum(shop.demand[:, :280], axis=1)
    assert len(taken) == 5
    assert volume[taken].min() > np.median(volume)


def test_seasonal_naive_repeats_the_last_week(make_panel) -> None:
    cube = SeasonalNaive().forecast(make_panel(np.arange(30)), (30,), 16)
    assert cube[0, 0].tolist() == [*range(23, 30), *range(23, 30), 23, 24]


def test_seasonal_naive_of_a_young_series_fills_the_week_with_its_mean(make_panel) -> None:
    demand = np.full(20, np.nan)
    demand[-2:] = [4, 8]
    assert SeasonalNaive().forecast(make_panel(demand), (20,), 7)[0, 0].tolist() == [6, 6, 6, 6, 6, 4, 8]
