"""The vectorised models against slow, plain re-computations."""

import numpy as np
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from forecast_service.forecasts.domain.exponential_smoothing import SeasonalSmoothing
from forecast_service.forecasts.domain.intermittent import IntermittentDemand
from forecast_service.forecasts.domain.seasonal_naive import SeasonalNaive
from forecast_service.forecasts.domain.weighted_level import WeightedLevel


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


def test_the_level_is_the_weighted_mean_of_demand_without_its_week(shop) -> None:
    cube = WeightedLevel("level", 14, 200, 0.25).forecast(shop, (280,), 28)
    for row in range(0, shop.series, 7):
        week = cube[0, row, :7].astype(float)
        level = week.mean()
        known = [(day, y) for day, y in enumerate(shop.demand[row, :280].tolist()) if y == y]
        means = []
        for half_life in (14, 200):
            weights = [2 ** (-(279 - day) / half_life) for day, _ in known]
            usual = sum(w * week[day % 7] / level for w, (day, _) in zip(weights, known, strict=True))
            means.append(sum(w * y for w, (_, y) in zip(weights, known, strict=True)) / usual)
        np.testing.assert_allclose(level, 0.75 * means[0] + 0.25 * means[1], rtol=1e-4)


def test_the_weekday_profile_finds_the_season_of_a_regular_series(make_panel) -> None:
    week = np.array([10, 12, 14, 16, 18, 40, 30])
    panel = make_panel(np.tile(week, 60))
    cube = WeightedLevel("level", 14, 200, 0.2).forecast(panel, (420,), 14)
    np.testing.assert_allclose(cube[0, 0], np.tile(week, 2), rtol=0.02)


def plain_smoothing(series: list[float], gains: tuple[float, float], level: float, season: list[float]) -> list[float]:
    """One-step forecasts of every day and of the week after the last one."""
    season = list(season)
    steps = []
    for day, actual in enumerate(series):
        usual = season[day % 7]
        steps.append(level + usual)
        before = level
        level = gains[0] * (actual - usual) + (1 - gains[0]) * level
        season[day % 7] = gains[1] * (actual - before) + (1 - gains[1]) * usual
    return steps + [level + season[(len(series) + ahead) % 7] for ahead in range(7)]


def test_exponential_smoothing_equals_the_plain_recursion_with_the_gains_of_statsmodels(shop) -> None:
    """Fitted before day 230, rolled on to day 290; statsmodels agrees on the one-step forecasts of the fitted days."""
    cube = SeasonalSmoothing().forecast(shop, (230, 290), 28)
    for row in (1, 2, 3):
        past = shop.demand[row, :230].astype(float)
        past = past[np.isfinite(past)]
        fitted = ExponentialSmoothing(past, seasonal="add", seasonal_periods=7, initialization_method="heuristic").fit(
            use_brute=False
        )
        known = fitted.params
        gains = (known["smoothing_level"], known["smoothing_seasonal"])
        start = (known["initial_level"], list(known["initial_seasons"]))
        np.testing.assert_allclose(plain_smoothing(past.tolist(), gains, *start)[: len(past)], fitted.fittedvalues)
        for index, days in ((0, 230), (1, 290)):
            series = [*past.tolist(), *shop.demand[row, 230:days].tolist()]
            week = plain_smoothing(series, gains, *start)[-7:]
            np.testing.assert_allclose(cube[index, row, :14], np.maximum(week * 2, 0), rtol=1e-5)


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
