"""The life of a purchase order, and who may approve it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Status(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    ORDERED = "ordered"
    PARTLY_RECEIVED = "partly_received"
    RECEIVED = "received"
    CANCELLED = "cancelled"


OPEN_STATUSES = (Status.APPROVED, Status.ORDERED, Status.PARTLY_RECEIVED)
"""What is not received yet of these counts as on order."""

_NEXT: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.APPROVED, Status.CANCELLED}),
    Status.APPROVED: frozenset({Status.ORDERED, Status.PARTLY_RECEIVED, Status.RECEIVED, Status.CANCELLED}),
    Status.ORDERED: frozenset({Status.PARTLY_RECEIVED, Status.RECEIVED, Status.CANCELLED}),
    Status.PARTLY_RECEIVED: frozenset({Status.PARTLY_RECEIVED, Status.RECEIVED, Status.CANCELLED}),
    Status.RECEIVED: frozenset(),
    Status.CANCELLED: frozenset(),
}
_APPROVERS = frozenset({"admin", "manager"})
_LIMITED_APPROVERS = frozenset({"buyer"})


def may_become(current: Status, target: Status) -> bool:
    return target in _NEXT[current]


def may_approve(roles: Collection[str], value: Decimal, buyer_limit: Decimal) -> bool:
    if _APPROVERS.intersection(roles):
        return True
    return bool(_LIMITED_APPROVERS.intersection(roles)) and value <= buyer_limit


@dataclass(frozen=True)
class DraftLine:
    """`unit_cost` None: what the supplier's terms say."""

    sku: str
    quantity: Decimal
    unit_cost: Decimal | None
    plan_line_id: UUID | None


@dataclass(frozen=True)
class Draft:
    supplier: str
    warehouse: str | None
    expected_on: date | None
    currency: str | None
    lines: tuple[DraftLine, ...]


@dataclass(frozen=True)
class ReceivedLine:
    sku: str
    quantity: Decimal


@dataclass(frozen=True)
class Line:
    id: int
    product_id: int
    sku: str
    name: str
    quantity: Decimal
    unit_cost: Decimal
    received_quantity: Decimal
    expected_on: date | None
    received_on: date | None
    plan_line_id: UUID | None

    @property
    def open_quantity(self) -> Decimal:
        return max(self.quantity - self.received_quantity, Decimal(0))


@dataclass(frozen=True)
class Order:
    """`value` is the sum of the lines as ordered, in `currency`; a list of orders leaves `lines` empty."""

    id: UUID
    number: str
    status: Status
    supplier: str
    warehouse: str
    warehouse_id: int
    currency: str
    value: Decimal
    line_count: int
    ordered_on: date | None
    expected_on: date | None
    created_by: str
    approved_by: str | None
    cancelled_by: str | None
    cancellation_reason: str | None
    created_at: datetime
    updated_at: datetime
    lines: tuple[Line, ...] = ()


class OrderRow(NamedTuple):
    """One row of a purchase orders file."""

    line: int
    fingerprint: int
    order_id: UUID
    number: str
    supplier_id: int
    warehouse_id: int
    product_id: int
    quantity: float
    ordered_on: date
    expected_on: date | None
    received_on: date | None
    received_quantity: float | None
    unit_cost: float | None
    currency: str | None


def status_after_receipt(open_quantities: Sequence[Decimal]) -> Status:
    """More than ordered may arrive; nothing is open then."""
    return Status.PARTLY_RECEIVED if any(quantity > 0 for quantity in open_quantities) else Status.RECEIVED
