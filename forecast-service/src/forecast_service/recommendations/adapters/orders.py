"""Turns approved lines into purchase orders of data-service."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from forecast_service.recommendations.domain.approval import ApprovalLine, OrderGroup
from shared.clients.data_client import DataClient, PurchaseOrder, PurchaseOrderDraft, PurchaseOrderLineDraft


class OrderDesk:
    """Orders are made on behalf of the person whose identity token is given."""

    def __init__(self, data: DataClient) -> None:
        self._data = data

    async def draft(self, group: OrderGroup, acting_for: str) -> PurchaseOrder:
        """The same lines always lead to the same order, however often this is asked.

        Raises:
            UpstreamProblemError, UnavailableError, UpstreamTimeoutError
        """
        draft = PurchaseOrderDraft(
            supplier=group.supplier,
            warehouse=group.warehouse,
            expected_on=max(line.arrives_on for line in group.lines),
            currency=group.currency or None,
            lines=[_line(line) for line in group.lines],
        )
        key = _key_of([line.id for line in group.lines])
        return await self._data.create_purchase_order(draft, idempotency_key=key, acting_for=acting_for)

    async def approve(self, order_id: UUID, acting_for: str) -> PurchaseOrder:
        return await self._data.approve_purchase_order(order_id, acting_for=acting_for)


def _line(line: ApprovalLine) -> PurchaseOrderLineDraft:
    return PurchaseOrderLineDraft(
        sku=line.sku,
        quantity=Decimal(str(round(line.quantity, 3))),
        unit_cost=None if line.unit_cost is None else Decimal(str(round(line.unit_cost, 4))),
        plan_line_id=line.id,
    )


def _key_of(line_ids: Sequence[UUID]) -> str:
    return "plan-" + hashlib.sha256(b"".join(sorted(line.bytes for line in line_ids))).hexdigest()
