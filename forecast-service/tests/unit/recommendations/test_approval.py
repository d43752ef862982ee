from datetime import date
from uuid import UUID, uuid4

import pytest

from forecast_service.recommendations.domain.approval import (
    LARGEST_ORDER_LINES,
    ApprovalLine,
    order_groups,
    refusal,
)

PLAN = uuid4()


def line_of(**changes) -> ApprovalLine:
    values = {
        "id": uuid4(),
        "plan_id": PLAN,
        "sku": "A",
        "supplier": "S1",
        "warehouse": "MAIN",
        "currency": "EUR",
        "quantity": 5.0,
        "unit_cost": 2.0,
        "status": "proposed",
        "blocked": None,
        "arrives_on": date(2026, 3, 9),
        "purchase_order_id": None,
        "purchase_order_number": None,
    }
    return ApprovalLine(**{**values, **changes})


def test_lines_are_ordered_per_supplier_and_warehouse() -> None:
    groups = order_groups([line_of(), line_of(supplier="S2"), line_of(warehouse="NORTH"), line_of()])
    assert [(group.supplier, group.warehouse, len(group.lines)) for group in groups] == [
        ("S1", "MAIN", 2),
        ("S1", "NORTH", 1),
        ("S2", "MAIN", 1),
    ]


def test_lines_of_a_draft_stay_in_it() -> None:
    draft = UUID(int=7)
    groups = order_groups([line_of(), line_of(purchase_order_id=draft, purchase_order_number="PO-1")])
    assert {group.order_id for group in groups} == {None, draft}


def test_an_order_has_no_more_lines_than_data_service_takes() -> None:
    groups = order_groups([line_of() for _ in range(LARGEST_ORDER_LINES + 1)])
    assert [len(group.lines) for group in groups] == [LARGEST_ORDER_LINES, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan_id": uuid4()}, "newer plan"),
        ({"status": "rejected"}, "rejected"),
        ({"status": "waits"}, "waits"),
        ({"blocked": "stock_negative"}, "stock_negative"),
        ({"quantity": 0.0}, "nothing to order"),
    ],
)
def test_what_cannot_be_ordered_is_told_with_the_reason(changes, words) -> None:
    assert words in (refusal(line_of(**changes), PLAN) or "")


@pytest.mark.parametrize("status", ["proposed", "drafted"])
def test_open_lines_of_the_current_plan_can_be_ordered(status) -> None:
    assert refusal(line_of(status=status), PLAN) is None
