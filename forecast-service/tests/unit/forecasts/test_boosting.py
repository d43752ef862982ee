from dataclasses import replace

import numpy as np

from forecast_service.forecasts.domain.boosting import GradientBoosting
from forecast_service.forecasts.domain.boosting_features import features_at, matrix

SMALL = GradientBoosting(max_rows=4000, origins=15, trees=20)


def test_it_learns_the_weekday(make_panel) -> None:
    random = np.random.default_rng(2)
    week = np.array([1, 1, 1, 1, 1, 4, 4])
    demand = random.poisson(np.tile(week, 40)[None, :] * random.uniform(2, 8, (30, 1))).astype(np.float32)
    cube = SMALL.fit(make_panel(demand), 280, 28).forecast(make_panel(demand), (280,), 28)
    by_weekday = cube[0].reshape(30, 4, 7).sum(axis=(0, 1))
    assert by_weekday[5:].min() > 2.5 * by_weekday[:5].max()


def test_the_same_history_gives_the_same_model(shop) -> None:
    first, second = (SMALL.fit(shop, 280, 28).forecast(shop, (280,), 28) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_too_little_history_gives_no_forecast(make_panel) -> None:
    panel = make_panel(np.ones((2, 40)))
    assert np.isnan(SMALL.fit(panel, 40, 28).forecast(panel, (40,), 28)).all()


def test_training_rows_do_not_grow_with_the_catalogue(shop, monkeypatch) -> None:
    """The cap holds for forty series and for four times as many."""
    seen = []
    from sklearn.ensemble import HistGradientBoostingRegressor

    original = HistGradientBoostingRegressor.fit
    monkeypatch.setattr(
        HistGradientBoostingRegressor,
        "fit",
        lambda self, inputs, *rest, **more: seen.append(len(inputs)) or original(self, inputs, *rest, **more),
    )
    model = GradientBoosting(max_rows=2400, origins=20, trees=2)
    model.fit(shop, 280, 28)
    wide = replace(
        shop,
        skus=shop.skus * 4,
        warehouses=shop.warehouses * 4,
        demand=np.tile(shop.demand, (4, 1)),
        price=np.tile(shop.price, (4, 1)),
        censored=np.tile(shop.censored, (4, 1)),
    )
    model.fit(wide, 280, 28)
    assert max(seen) <= 2400


def test_censored_days_are_no_targets(shop) -> None:
    """A panel whose censored days hold nonsense learns the same as one where they hold other nonsense."""
    random = np.random.default_rng(3)
    censored = (random.random(shop.demand.shape) < 0.1) & np.isfinite(shop.demand)
    model = GradientBoosting(max_rows=1_000_000, origins=1, trees=3)
    origin_only = [
        replace(shop, demand=np.where(censored & (np.arange(300) >= 279), value, shop.demand), censored=censored)
        for value in (0, 500)
    ]
    first, second = (model.fit(panel, 300, 28).forecast(shop, (300,), 5) for panel in origin_only)
    np.testing.assert_array_equal(first, second)


def test_features_of_the_last_year_are_unknown_for_young_series(make_panel) -> None:
    demand = np.ones((2, 500), dtype=np.float32)
    demand[1, :300] = np.nan
    panel = make_panel(demand)
    features = features_at(panel, panel.first_days(), np.array([0, 1]), 500, 28)
    assert np.isfinite(features.last_year[0]).all()
    assert np.isnan(features.last_year[1]).all()


def test_rows_line_up_with_series_and_days(shop) -> None:
    rows = np.array([0, 5, 9])
    features = features_at(shop, shop.first_days(), rows, 280, 28)
    ahead = np.broadcast_to(np.arange(1, 29), (3, 28))
    whole = matrix(shop, features, ahead)
    assert whole.shape[0] == 84
    alone = matrix(shop, features_at(shop, shop.first_days(), rows[1:2], 280, 28), ahead[:1])
    np.testing.assert_allclose(whole[28:56], alone, rtol=1e-5)
