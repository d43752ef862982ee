import numpy as np
import pytest

from forecast_service.forecasts.domain.selection import Backtest, blended, model_weights

DAYS, ORIGINS = 200, (116, 144, 172)


def backtest_of(actual: np.ndarray, errors: list[float]) -> Backtest:
    """One model per error: the actual demand times 1 + error."""
    forecasts = np.stack(
        [np.stack([actual[:, origin : origin + 28] * (1 + error) for origin in ORIGINS]) for error in errors]
    ).astype(np.float32)
    return Backtest(ORIGINS, forecasts, actual.astype(np.float32), np.isfinite(actual))


@pytest.fixture
def actual() -> np.ndarray:
    return np.random.default_rng(0).poisson(6, (20, DAYS)).astype(float)


def test_weights_add_up_to_one_and_favour_the_model_that_was_right(actual) -> None:
    weights = model_weights(backtest_of(actual, [0.5, 0.02, 0.3]), np.ones((3, 20), dtype=bool), naive=0)
    np.testing.assert_allclose(weights.sum(axis=0), 1, rtol=1e-6)
    assert (weights.argmax(axis=0) == 1).all()
    assert weights[1].min() > 0.9


def test_each_series_gets_the_model_that_suits_it() -> None:
    actual = np.full((2, DAYS), 5.0)
    good_for_first = np.array([[1.0], [2.0]])
    forecasts = np.stack(
        [
            np.full((3, 2, 28), 8.0),
            np.stack([actual[:, :28] * good_for_first] * 3),
            np.stack([actual[:, :28] * good_for_first[::-1]] * 3),
        ]
    ).astype(np.float32)
    test = Backtest(ORIGINS, forecasts, actual.astype(np.float32), np.isfinite(actual))
    weights = model_weights(test, np.ones((3, 2), dtype=bool), naive=0)
    assert weights[1, 0] > weights[2, 0]
    assert weights[2, 1] > weights[1, 1]


def test_a_model_that_does_not_apply_gets_nothing(actual) -> None:
    available = np.ones((3, 20), dtype=bool)
    available[1, :5] = False
    weights = model_weights(backtest_of(actual, [0.5, 0.0, 0.3]), available, naive=0)
    assert not weights[1, :5].any()
    np.testing.assert_allclose(weights.sum(axis=0), 1, rtol=1e-6)


def test_a_series_without_a_past_takes_the_weights_of_all_together(actual) -> None:
    young = actual.copy()
    young[0] = np.nan
    test = backtest_of(young, [0.5, 0.02, 0.3])
    forecasts = test.forecasts.copy()
    forecasts[:, :, 0] = np.nan
    weights = model_weights(
        Backtest(ORIGINS, forecasts, test.actual, test.scored), np.ones((3, 20), dtype=bool), naive=0
    )
    assert weights[1, 0] > weights[2, 0] > weights[0, 0] > 0


def test_without_any_backtest_seasonal_naive_counts_least() -> None:
    empty = Backtest(
        [], np.zeros((3, 0, 4, 28), dtype=np.float32), np.ones((4, 30), dtype=np.float32), np.ones((4, 30), dtype=bool)
    )
    weights = model_weights(empty, np.ones((3, 4), dtype=bool), naive=0)
    assert (weights[0] < weights[1]).all()
    np.testing.assert_allclose(weights[1], weights[2])


def test_origins_whose_outcome_is_not_yet_known_are_left_out(actual) -> None:
    assert list(backtest_of(actual, [0, 0.1]).before(180).origins) == [116, 144]


def test_days_out_of_stock_are_not_judged(actual) -> None:
    scored = np.isfinite(actual)
    spoilt = actual.copy()
    scored[:, 150:153] = False
    spoilt[:, 150:153] = 0
    clean = backtest_of(actual, [0.5, 0.02, 0.3])
    judged = [
        model_weights(
            Backtest(ORIGINS, clean.forecasts, demand.astype(np.float32), scored), np.ones((3, 20), dtype=bool), naive=0
        )
        for demand in (actual, spoilt)
    ]
    np.testing.assert_array_equal(*judged)


def test_a_mixture_ignores_models_without_weight() -> None:
    forecasts = np.array([[[np.nan, np.nan]], [[2.0, 4.0]], [[6.0, 8.0]]], dtype=np.float32)
    mixed = blended(np.array([[0.0], [0.25], [0.75]], dtype=np.float32), forecasts)
    np.testing.assert_allclose(mixed, [[5.0, 7.0]])
