import numpy as np
import pytest

from forecast_service.accuracy.domain import Holdout, score_overall, score_series


def holdout_of(actual, forecast, naive=None, history=None, scored=None, upper=None) -> Holdout:
    actual = np.asarray(actual, dtype=np.float32)
    series = len(actual)
    return Holdout(
        history=np.tile([1, 3], (series, 20)).astype(np.float32) if history is None else history,
        actual=actual,
        scored=np.ones(actual.shape, dtype=bool) if scored is None else scored,
        forecast=np.asarray(forecast, dtype=np.float32),
        naive=np.zeros_like(actual) if naive is None else np.asarray(naive, dtype=np.float32),
        upper_90=np.full(series, 1e9) if upper is None else upper,
        upper_95=np.full(series, 1e9) if upper is None else upper,
    )


def both(holdout: Holdout):
    return score_series(holdout, holdout.forecast), score_series(holdout, holdout.naive)


def test_figures_of_a_small_example_by_hand() -> None:
    actual = np.zeros((2, 28))
    actual[0, :4] = [10, 0, 5, 5]
    actual[1, 0] = 20
    forecast = np.zeros((2, 28))
    forecast[0, :4] = [5, 5, 5, 5]
    forecast[1, 1] = 30
    holdout = holdout_of(actual, forecast)
    own, naive = both(holdout)
    assert own.wape.tolist() == [0.5, 2.5]
    assert own.wape_28.tolist() == [0.0, 0.5]
    assert own.bias.tolist() == [0.0, 0.5]
    overall = score_overall(holdout, own, naive)
    assert overall.wape == pytest.approx(60 / 40)
    assert overall.wape_28 == pytest.approx(10 / 40)
    assert overall.bias == pytest.approx(10 / 40)
    assert overall.naive_wape_28 == 1.0
    assert overall.scored_series == 2


def test_rmsse_is_scaled_by_the_one_step_naive_error_of_the_history() -> None:
    own, _ = both(holdout_of(np.full((1, 28), 5.0), np.full((1, 28), 9.0)))
    assert own.rmsse[0] == pytest.approx(2.0)


def test_a_forecast_for_an_article_that_sold_nothing_counts_as_error_overall() -> None:
    actual = np.zeros((2, 28))
    actual[0] = 1
    holdout = holdout_of(actual, np.ones((2, 28)))
    own, naive = both(holdout)
    assert np.isnan(own.wape[1])
    assert score_overall(holdout, own, naive).wape == pytest.approx(1.0)


def test_days_out_of_stock_are_scored_for_nobody() -> None:
    scored = np.ones((1, 28), dtype=bool)
    scored[0, :14] = False
    actual = np.r_[np.zeros(14), np.ones(14)][None, :]
    own, _ = both(holdout_of(actual, np.ones((1, 28)), scored=scored))
    assert own.wape.tolist() == [0.0]


def test_a_series_that_began_after_the_origin_is_not_scored() -> None:
    history = np.full((2, 40), np.nan, dtype=np.float32)
    history[0] = 2
    holdout = holdout_of(np.ones((2, 28)), np.ones((2, 28)), history=history)
    own, naive = both(holdout)
    assert np.isnan(own.actual).tolist() == [False, True]
    assert score_overall(holdout, own, naive).scored_series == 1


def test_nothing_sold_at_all_gives_no_ratio() -> None:
    holdout = holdout_of(np.zeros((3, 28)), np.ones((3, 28)))
    overall = score_overall(holdout, *both(holdout))
    assert overall.wape is None
    assert overall.wape_28 is None
    assert overall.bias is None


def test_coverage_is_the_share_of_series_at_or_under_their_quantile() -> None:
    holdout = holdout_of(np.ones((4, 28)), np.ones((4, 28)), upper=np.array([28.0, 27.0, 40.0, 1.0]))
    assert score_overall(holdout, *both(holdout)).coverage_90 == 0.5
