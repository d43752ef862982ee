"""Which lines may be ordered, and which of them go into one purchase order."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

LARGEST_ORDER_LINES = 5000


@dataclass(frozen=True)
class ApprovalLine:
    """A line somebody wants to order; `purchase_order_*` are known once its order exists."""

    id: UUID
    plan_id: UUID
    sku: str
    supplier: str
    warehouse: str
    currency: str
    quantity: float
    unit_cost: float | None
    status: str
    blocked: str | None
    arrives_on: date
    purchase_order_id: UUID | None
    purchase_order_number: str | None


@dataclass(frozen=True)
class OrderGroup:
    """One purchase order to be; `order_id` is set when it exists as a draft already."""

    supplier: str
    warehouse: str
    currency: str
    lines: tuple[ApprovalLine, ...]
    order_id: UUID | None = None


@dataclass(frozen=True)
class Skipped:
    id: UUID
    reason: str


def refusal(line: ApprovalLine, current_plan: UUID | None) -> str | None:
    """Why a line cannot be ordered; None when it can."""
    if line.plan_id != current_plan:
        return "A newer plan exists; approve its line instead."
    if line.status not in {"proposed", "drafted"}:
        return f"The line is {line.status}; only proposed lines can be approved."
    if line.blocked is not None:
        return f"The line is blocked ({line.blocked}); put that right and plan again."
    if line.quantity <= 0:
        return "There is nothing to order on this line."
    return None


def order_groups(lines: Sequence[ApprovalLine]) -> list[OrderGroup]:
    """One order per supplier, warehouse and currency; lines drafted before stay in the order they are in."""
    members: dict[tuple[str, str, str, UUID | None], list[ApprovalLine]] = defaultdict(list)
    for line in sorted(lines, key=lambda each: (each.supplier, each.warehouse, each.sku)):
        members[line.supplier, line.warehouse, line.currency, line.purchase_order_id].append(line)
    groups = []
    for (supplier, warehouse, currency, order_id), rows in members.items():
        for begin in range(0, len(rows), LARGEST_ORDER_LINES):
            part = tuple(rows[begin : begin + LARGEST_ORDER_LINES])
            groups.append(OrderGroup(supplier, warehouse, currency, part, order_id))
    return groups
