from dataclasses import replace
from datetime import date, timedelta

import pytest

from forecast_service.recommendations.domain.explanation import replay
from forecast_service.recommendations.domain.plan import make_plan
from forecast_service.recommendations.domain.policy import PlanPolicy

POLICY = PlanPolicy()
MONDAY = date(2026, 3, 2)


@pytest.fixture
def plan(make_inputs, make_demand):
    def make(*rows, rates=None, policy=POLICY):
        demand = make_demand(rates or [4.0] * len(rows))
        return list(make_plan(make_inputs(*rows), demand, policy))

    return make


def test_the_quantity_is_the_quantile_less_what_is_there_and_on_its_way(plan) -> None:
    line = plan({"on_hand": 10.0, "on_order": 5.0, "reserved": 3.0})[0]
    assert line.inputs.protection_days == 14
    expected = 4 * 14 + line.inputs.demand_quantile - line.inputs.expected_demand - 12
    assert line.quantity == pytest.approx(-(-expected // 1))
    assert line.inputs.demand_quantile == pytest.approx(56 + 1.8808 * (4 * 14) ** 0.5, rel=1e-3)


def test_an_open_order_that_covers_everything_leaves_nothing_to_order(plan) -> None:
    line = plan({"on_order": 500.0})[0]
    assert (line.quantity, line.status) == (0, "not_needed")


def test_reserved_units_are_not_there_to_be_sold(plan) -> None:
    free, reserved = plan({"on_hand": 30.0}, {"on_hand": 30.0, "reserved": 20.0})
    assert reserved.quantity == free.quantity + 20


def test_packs_and_minimum_quantities_are_kept(plan) -> None:
    line = plan({"on_hand": 60.0, "pack_size": 12.0, "moq": 30.0})[0]
    assert line.quantity == 36
    codes = [step["code"] for step in line.steps]
    assert codes.index("minimum_quantity") < codes.index("pack")


def test_a_later_second_order_day_makes_the_interval_longer(plan) -> None:
    """The plan is of a Monday. Tuesday and Thursday: next order Tuesday, then Thursday. Only Wednesday: nine days."""
    often, seldom = plan({"order_weekdays": [2, 4]}, {"order_weekdays": [3]})
    assert (often.inputs.days_to_order, often.inputs.protection_days) == (1, 3 + 7)
    assert (seldom.inputs.days_to_order, seldom.inputs.protection_days) == (2, 9 + 7)


def test_an_uncertain_lead_time_asks_for_more(plan) -> None:
    measured = {"lead_time_mean_days": 7.0, "lead_time_receipts": 50}
    steady, late = plan({**measured, "lead_time_sd_days": 0.0}, {**measured, "lead_time_sd_days": 4.0})
    assert late.quantity > steady.quantity + 10
    assert "lead_time_variability" in [step["code"] for step in late.steps]


def test_few_receipts_are_drawn_towards_the_stated_lead_time(plan) -> None:
    few, many = plan(
        {"lead_time_mean_days": 13.0, "lead_time_receipts": 1},
        {"lead_time_mean_days": 13.0, "lead_time_receipts": 300},
    )
    assert few.inputs.lead_time_days == pytest.approx(8.5)
    assert many.inputs.lead_time_days == pytest.approx(13, abs=0.1)
    assert few.inputs.lead_time_source == "measured"


def test_without_any_lead_time_the_policy_assumes_one_and_says_so(plan) -> None:
    line = plan({"lead_time_days": None})[0]
    assert (line.inputs.lead_time_days, line.inputs.lead_time_source) == (14, "assumed")


def test_an_article_at_the_end_of_its_life_is_not_ordered(plan) -> None:
    line = plan({"life_cycle": "end_of_life"})[0]
    assert (line.quantity, line.status) == (0, "not_needed")
    assert "end_of_life" in [step["code"] for step in line.steps]


def test_an_article_nobody_buys_is_not_ordered(plan) -> None:
    line = plan({}, rates=[0.0])[0]
    assert (line.quantity, line.days_of_cover, line.runs_out_on) == (0, None, None)


@pytest.mark.parametrize(
    ("row", "blocked"),
    [
        ({"on_hand": -3.0}, "stock_negative"),
        ({"stock_as_of": None}, "stock_unknown"),
        ({"stock_as_of": date(2026, 2, 20)}, "stock_stale"),
        ({"stock_as_of": date(2026, 3, 20)}, "sales_stale"),
        ({"supplier": None, "supplier_name": None}, "supplier_unknown"),
        ({}, None),
        ({"stock_as_of": date(2026, 2, 27)}, None),
    ],
)
def test_lines_that_cannot_be_trusted_are_blocked_with_the_reason(plan, row, blocked) -> None:
    line = plan(row)[0]
    assert line.blocked == blocked
    assert line.status == "proposed"
    assert ("—" in line.reason["en"]) == (blocked is not None)


def test_the_day_stock_runs_out_and_the_days_it_lasts(plan) -> None:
    line = plan({"on_hand": 18.0})[0]
    assert line.days_of_cover == 4.5
    assert line.runs_out_on == MONDAY + timedelta(days=4)


def test_an_open_order_delays_the_day_stock_runs_out_only_if_it_comes_in_time(plan) -> None:
    early, late, overdue = plan(
        {"on_hand": 18.0, "on_order": 20.0, "oldest_open_expected_on": MONDAY + timedelta(days=2)},
        {"on_hand": 18.0, "on_order": 20.0, "oldest_open_expected_on": MONDAY + timedelta(days=8)},
        {"on_hand": 18.0, "on_order": 20.0, "oldest_open_expected_on": MONDAY - timedelta(days=5)},
    )
    assert early.runs_out_on == MONDAY + timedelta(days=9)
    assert late.runs_out_on == MONDAY + timedelta(days=4)
    assert overdue.runs_out_on == MONDAY + timedelta(days=9)


def test_empty_shelves_are_at_risk_and_full_ones_are_not(plan) -> None:
    empty, full = plan({"on_hand": 0.0}, {"on_hand": 400.0})
    assert empty.at_risk
    assert empty.order_by == MONDAY
    assert empty.expected_shortage_units == pytest.approx(28, rel=0.05)
    assert empty.expected_shortage_value == pytest.approx(28 * 15, rel=0.05)
    assert not full.at_risk
    assert full.expected_shortage_units < 0.01
    assert empty.urgency_value > full.urgency_value


def test_what_lasts_a_while_may_be_ordered_later(plan) -> None:
    line = plan({"on_hand": 60.0})[0]
    assert MONDAY < line.order_by < MONDAY + timedelta(days=7)


def test_valuable_articles_get_the_higher_service_level(plan) -> None:
    lines = plan({"price": 1000.0}, {"price": 100.0}, {"price": 1.0}, rates=[10.0, 12.0, 1.0])
    assert [line.inputs.value_class for line in lines] == ["A", "B", "C"]
    assert [line.inputs.service_level for line in lines] == [0.97, 0.95, 0.90]


def test_a_small_order_waits_for_the_suppliers_minimum_when_nothing_runs_out(plan) -> None:
    line = plan({"on_hand": 60.0, "min_order_value": 500.0})[0]
    assert (line.status, line.quantity, line.order_by) == ("waits", 0, None)
    assert "waits" in line.reason["en"]
    assert "ждёт" in line.reason["ru"]


def test_a_small_order_is_raised_when_something_runs_out(plan) -> None:
    lines = plan(
        {"on_hand": 45.0, "min_order_value": 500.0, "pack_size": 4.0},
        {"on_hand": 300.0, "min_order_value": 500.0},
    )
    assert sum(line.line_value for line in lines) >= 500
    assert lines[0].inputs.supplier_minimum == "raised"
    assert lines[0].quantity % 4 == 0
    assert lines[1].quantity == 0, "what lasts longest is not raised"


def test_a_minimum_out_of_reach_blocks_the_line(plan) -> None:
    line = plan({"min_order_value": 1e9})[0]
    assert line.blocked == "supplier_minimum_unreachable"


def test_blocked_lines_do_not_help_to_reach_a_minimum(plan) -> None:
    trusted, _ = plan({"on_hand": 60.0, "min_order_value": 500.0}, {"on_hand": -5.0, "min_order_value": 500.0})
    assert trusted.status == "waits"


def test_every_explanation_replays_to_its_quantity(plan) -> None:
    rows = [
        {"on_hand": float(stock), "pack_size": float(pack), "moq": float(moq), "min_order_value": minimum}
        for stock in (0, 20, 55, 70)
        for pack in (1, 6, 25)
        for moq in (0, 40)
        for minimum in (None, 900.0)
    ]
    for line in plan(*rows):
        assert replay(line.inputs) == line.quantity
        assert line.steps[-1] == {"code": "result", "value": line.quantity, "facts": {}}


def test_a_changed_input_is_noticed_by_the_replay(plan) -> None:
    line = plan({"on_hand": 10.0})[0]
    assert replay(replace(line.inputs, on_hand=20.0)) == line.quantity - 10


def test_the_reason_reads_like_a_buyer_would_say_it(plan) -> None:
    line = plan({"on_hand": 30.0, "on_order": 24.0, "pack_size": 12.0})[0]
    assert line.reason["en"] == (
        "sold 4 a day, 4 expected, 14 days to cover, 70 needed at 97 %, 30 on hand, 24 on order → 16, packs of 12 → 24"
    )
    assert line.reason["ru"] == (
        "продавали 4 в день, ожидаем 4, покрыть 14 дней, нужно 70 при 97 %, на складе 30, в пути 24 → 16, "
        "упаковки по 12 → 24"
    )
