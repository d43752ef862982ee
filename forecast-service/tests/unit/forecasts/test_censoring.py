import numpy as np

from forecast_service.forecasts.domain.censoring import fill_censored


def test_without_censored_days_demand_stays_as_it_is(shop) -> None:
    np.testing.assert_array_equal(fill_censored(shop), shop.demand)


def test_an_empty_shelf_is_filled_with_the_usual_demand_of_that_weekday(make_panel) -> None:
    week = np.array([2, 4, 6, 8, 10, 20, 6])
    demand = np.tile(week, 20).astype(np.float32)
    censored = np.zeros(140, dtype=bool)
    censored[130:133] = True
    demand[130:133] = 0
    filled = fill_censored(make_panel(demand, censored=censored))[0]
    np.testing.assert_allclose(filled[130:133], week[np.arange(130, 133) % 7], rtol=0.15)
    np.testing.assert_array_equal(np.delete(filled, range(130, 133)), np.delete(demand, range(130, 133)))


def test_what_was_sold_on_a_censored_day_is_never_lowered(make_panel) -> None:
    demand = np.ones(60, dtype=np.float32)
    demand[50] = 40
    censored = np.zeros(60, dtype=bool)
    censored[50] = True
    assert fill_censored(make_panel(demand, censored=censored))[0, 50] == 40


def test_filling_does_not_look_ahead(make_panel) -> None:
    random = np.random.default_rng(1)
    demand = random.poisson(5, (3, 90)).astype(np.float32)
    censored = random.random((3, 90)) < 0.2
    whole = fill_censored(make_panel(demand, censored=censored))
    cut = fill_censored(make_panel(demand[:, :60], censored=censored[:, :60]))
    np.testing.assert_array_equal(whole[:, :60], cut)


def test_days_before_any_day_with_stock_are_left_alone(make_panel) -> None:
    censored = np.array([True, True, False, False])
    np.testing.assert_array_equal(fill_censored(make_panel([0, 3, 5, 5], censored=censored)), [[0, 3, 5, 5]])
