from dataclasses import replace

import numpy as np
import pytest

from forecast_service.forecasts.domain.distribution import LEVELS, knots_of
from forecast_service.forecasts.domain.engine import run_forecast
from forecast_service.forecasts.domain.result import RunOptions

OPTIONS = RunOptions(boosting_rows=2000, boosting_trees=15)


@pytest.fixture(scope="module")
def result(request):
    random = np.random.default_rng(5)
    rates = np.concatenate([random.uniform(3, 20, 20), random.uniform(0.05, 0.5, 10)])
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(260) / 7)
    demand = random.poisson(rates[:, None] * season[None, :]).astype(np.float32)
    demand[0, :255] = np.nan
    demand[1] = 0
    steps: list[tuple[str, float]] = []
    from forecast_service.forecasts.domain.panel import DemandPanel

    panel = DemandPanel(
        skus=tuple(f"A{row}" for row in range(30)),
        warehouses=("MAIN",) * 30,
        start=np.datetime64("2024-01-01").astype(object),
        demand=demand,
        price=np.ones_like(demand),
        censored=np.zeros(demand.shape, dtype=bool),
        clipped_days=0,
    )
    return run_forecast(panel, OPTIONS, lambda phase, share: steps.append((phase, share))), steps, panel


def test_everything_is_forecast_and_nothing_is_negative_or_crosses(result) -> None:
    outcome, _, _ = result
    assert outcome.mean.shape == (30, 28)
    assert outcome.sums.shape == (30, len(knots_of(28)), len(LEVELS))
    for array in (outcome.mean, outcome.daily, outcome.sums):
        assert np.isfinite(array).all()
        assert (array >= 0).all()
    assert (np.diff(outcome.sums, axis=2) >= 0).all()
    assert (np.diff(outcome.sums, axis=1) >= 0).all()
    assert (np.diff(outcome.daily, axis=2) >= 0).all()


def test_it_beats_seasonal_naive_on_days_it_had_not_seen(result) -> None:
    overall = result[0].overall
    assert overall.wape_28 < 0.8 * overall.naive_wape_28
    assert overall.scored_series == 29
    assert 0.75 <= overall.coverage_90 <= 1


def test_progress_only_grows(result) -> None:
    shares = [share for _, share in result[1]]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_an_article_that_never_sold_needs_nothing(result) -> None:
    assert result[0].mean[1].max() < 0.05
    assert result[0].sums[1].max() < 0.5


def test_the_held_out_days_do_not_decide_what_is_measured_on_them(result) -> None:
    """Another last month changes the score, not the forecast it is scored with: naive and own totals stay."""
    outcome, _, panel = result
    other = panel.demand.copy()
    other[2:, -28:] = 1
    again = run_forecast(replace(panel, demand=other), OPTIONS, lambda *_: None)
    np.testing.assert_allclose(again.accuracy.forecast[1:], outcome.accuracy.forecast[1:], rtol=1e-5)


@pytest.mark.parametrize("days", [1, 10, 40, 70])
def test_short_histories_still_give_a_forecast(days: int, make_panel) -> None:
    random = np.random.default_rng(7)
    panel = make_panel(random.poisson(5, (3, days)).astype(np.float32))
    outcome = run_forecast(panel, OPTIONS, lambda *_: None)
    assert np.isfinite(outcome.mean).all()
    assert np.isfinite(outcome.sums).all()
    assert outcome.mean.mean() == pytest.approx(panel.demand.mean(), rel=0.6)
    assert (outcome.overall.wape_28 is None) == (days < 56)


def test_long_horizons_have_quantiles_of_long_sums(make_panel) -> None:
    random = np.random.default_rng(8)
    panel = make_panel(random.poisson(5, (4, 320)).astype(np.float32))
    outcome = run_forecast(panel, RunOptions(horizon_days=91, boosting_rows=2000, boosting_trees=15), lambda *_: None)
    assert outcome.mean.shape == (4, 91)
    q95 = outcome.sums[:, -1, LEVELS.index(0.95)]
    assert (q95 > outcome.mean.sum(axis=1)).all()
    assert (q95 < 2 * outcome.mean.sum(axis=1)).all()
