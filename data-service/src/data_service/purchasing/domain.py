"""The life of a purchase order, and who may approve it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


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
class LineState:
    ordered: Decimal
    received: Decimal

    @property
    def open_quantity(self) -> Decimal:
        return max(self.ordered - self.received, Decimal(0))


def status_after_receipt(lines: Sequence[LineState]) -> Status:
    """More than ordered may arrive; nothing is open then."""
    if all(line.open_quantity == 0 for line in lines):
        return Status.RECEIVED
    return Status.PARTLY_RECEIVED
