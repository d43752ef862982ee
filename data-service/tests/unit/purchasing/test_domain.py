"""The life of a purchase order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_service.purchasing.domain import OPEN_STATUSES, Status, may_approve, may_become, status_after_receipt

ALLOWED = {
    (Status.DRAFT, Status.APPROVED),
    (Status.DRAFT, Status.CANCELLED),
    (Status.APPROVED, Status.ORDERED),
    (Status.APPROVED, Status.PARTLY_RECEIVED),
    (Status.APPROVED, Status.RECEIVED),
    (Status.APPROVED, Status.CANCELLED),
    (Status.ORDERED, Status.PARTLY_RECEIVED),
    (Status.ORDERED, Status.RECEIVED),
    (Status.ORDERED, Status.CANCELLED),
    (Status.PARTLY_RECEIVED, Status.PARTLY_RECEIVED),
    (Status.PARTLY_RECEIVED, Status.RECEIVED),
    (Status.PARTLY_RECEIVED, Status.CANCELLED),
}


@pytest.mark.parametrize("current", list(Status))
@pytest.mark.parametrize("target", list(Status))
def test_an_order_moves_only_along_its_life(current: Status, target: Status) -> None:
    assert may_become(current, target) is ((current, target) in ALLOWED)


def test_a_draft_does_not_count_as_on_order_and_an_approved_order_does() -> None:
    assert Status.DRAFT not in OPEN_STATUSES
    assert set(OPEN_STATUSES) == {Status.APPROVED, Status.ORDERED, Status.PARTLY_RECEIVED}


@pytest.mark.parametrize(
    ("roles", "value", "allowed"),
    [
        ({"manager"}, "1000000", True),
        ({"admin"}, "1000000", True),
        ({"buyer"}, "5000", True),
        ({"buyer"}, "5000.01", False),
        ({"buyer", "manager"}, "9999", True),
        ({"ops"}, "1", False),
        ({"service"}, "1", False),
        (set(), "0", False),
    ],
)
def test_buyers_approve_up_to_their_limit_and_managers_anything(roles: set[str], value: str, allowed: bool) -> None:
    assert may_approve(roles, Decimal(value), Decimal(5000)) is allowed


@given(st.lists(st.decimals(-10, 10, places=3), min_size=1))
def test_an_order_is_received_when_nothing_is_open(open_quantities: list[Decimal]) -> None:
    expected = Status.RECEIVED if max(open_quantities) <= 0 else Status.PARTLY_RECEIVED
    assert status_after_receipt(open_quantities) is expected
