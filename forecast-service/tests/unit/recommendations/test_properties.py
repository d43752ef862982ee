"""Whatever the numbers, no line ignores an open order, a pack or a minimum."""

from datetime import timedelta

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast_service.recommendations.domain.explanation import replay
from forecast_service.recommendations.domain.plan import make_plan
from forecast_service.recommendations.domain.policy import PlanPolicy

POLICY = PlanPolicy()
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

whole = st.integers(0, 300).map(float)
rows = st.fixed_dictionaries(
    {
        "on_hand": st.integers(-5, 200).map(float),
        "reserved": st.integers(0, 40).map(float),
        "on_order": whole,
        "pack_size": st.sampled_from([1.0, 2.5, 6.0, 24.0, 0.125]),
        "moq": st.sampled_from([0.0, 1.0, 10.0, 55.0]),
        "cost": st.sampled_from([0.0, 0.04, 3.0, 250.0, None]),
        "supplier": st.sampled_from(["S1", "S2", None]),
        "min_order_value": st.sampled_from([None, 0.0, 150.0, 4000.0]),
        "order_weekdays": st.lists(st.integers(1, 7), max_size=3, unique=True),
        "lead_time_days": st.integers(0, 60),
        "lead_time_mean_days": st.sampled_from([None, 5.5, 20.0]),
        "lead_time_sd_days": st.sampled_from([None, 0.0, 6.0]),
        "lead_time_receipts": st.integers(0, 30),
        "life_cycle": st.sampled_from(["active", "active", "end_of_life"]),
    }
)
catalogues = st.lists(st.tuples(rows, st.sampled_from([0.0, 0.02, 0.7, 5.0, 40.0])), min_size=1, max_size=8)


@QUIET
@given(catalogue=catalogues)
def test_packs_minimums_and_open_orders_hold(catalogue, make_inputs, make_demand) -> None:
    inputs = make_inputs(*(row for row, _ in catalogue))
    lines = list(make_plan(inputs, make_demand([rate for _, rate in catalogue]), POLICY))
    for line, (row, _) in zip(lines, catalogue, strict=True):
        packs = line.quantity / row["pack_size"]
        assert abs(packs - round(packs)) < 1e-6
        assert line.quantity == 0 or line.quantity >= row["moq"]
        assert replay(line.inputs) == line.quantity
        if line.inputs.supplier_minimum != "raised" and line.quantity > 0:
            target = line.quantity + line.inputs.on_hand + row["on_order"] - row["reserved"]
            need = max(line.inputs.demand_quantile, row["moq"]) if row["moq"] else line.inputs.demand_quantile
            assert target >= min(need, line.inputs.demand_quantile) - 1e-6
        if row["life_cycle"] == "end_of_life":
            assert line.quantity == 0
        assert line.order_by is None or line.order_by >= line.arrives_on - timedelta(days=400)


@QUIET
@given(catalogue=catalogues)
def test_an_order_reaches_its_suppliers_minimum_or_is_not_made(catalogue, make_inputs, make_demand) -> None:
    inputs = make_inputs(*({**row, "min_order_value": 900.0} for row, _ in catalogue))
    lines = list(make_plan(inputs, make_demand([rate for _, rate in catalogue]), POLICY))
    for supplier in ("S1", "S2"):
        orderable = [line for line in lines if line.supplier == supplier and line.blocked is None]
        value = sum(line.quantity * (line.unit_cost or 0) for line in orderable)
        assert value == 0 or value >= 900 - 1e-6


@QUIET
@given(row=rows, rate=st.sampled_from([0.3, 5.0]), more=st.integers(1, 200))
def test_more_on_order_never_leads_to_more_to_order(row, rate, more, make_inputs, make_demand) -> None:
    alone = {**row, "min_order_value": None}
    inputs = make_inputs(alone, {**alone, "on_order": alone["on_order"] + more})
    first, second = make_plan(inputs, make_demand([rate, rate]), POLICY)
    if first.inputs.service_level == second.inputs.service_level:
        assert second.quantity <= first.quantity


@QUIET
@given(row=rows, rate=st.sampled_from([0.3, 5.0, 40.0]))
def test_a_higher_service_level_never_orders_less(row, rate, make_inputs, make_demand) -> None:
    inputs = make_inputs({**row, "min_order_value": None})
    low, high = (
        next(make_plan(inputs, make_demand([rate]), PlanPolicy(service_level_a=level, service_level_c=level)))
        for level in (0.8, 0.99)
    )
    assert high.quantity >= low.quantity


def test_a_plan_of_many_lines_is_fast(make_inputs, make_demand) -> None:
    """Two thousand lines well under a second of work; the whole catalogue is measured in the bench."""
    from time import process_time

    random = np.random.default_rng(0)
    inputs = make_inputs(
        *({"on_hand": float(stock), "min_order_value": 300.0} for stock in random.integers(0, 90, 2000))
    )
    demand = make_demand(random.uniform(0, 9, 2000).tolist())
    began = process_time()
    assert len(list(make_plan(inputs, demand, POLICY))) == 2000
    assert process_time() - began < 3
