"""data-service as its neighbours see it: demand and planning inputs as Arrow streams, purchase orders."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.clients.http import GatewayClient
from shared.errors import UpstreamError

ARROW_STREAM = "application/vnd.apache.arrow.stream"
_PROVIDER = "data"
_PREFIX = "/api/v1/data"


class PurchaseOrderLineDraft(BaseModel):
    """`quantity` in stock units; `unit_cost` in the order's currency; `plan_line_id` is ordered once at most."""

    sku: str
    quantity: Decimal
    unit_cost: Decimal | None = None
    plan_line_id: UUID | None = None


class PurchaseOrderDraft(BaseModel):
    supplier: str
    warehouse: str
    expected_on: date | None = None
    currency: str | None = None
    lines: Sequence[PurchaseOrderLineDraft]


class PurchaseOrder(BaseModel):
    """What callers read of a purchase order; `value` is the sum of its lines in `currency`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: UUID
    number: str
    status: str
    supplier: str
    warehouse: str
    value: Decimal
    currency: str
    line_count: int = Field(ge=0)


class DataClient:
    """Calls go through the gateway with this service's own credentials.

    `acting_for` is the identity token of the person on whose behalf a call is made (`Identity.token`).
    """

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    def demand(
        self, *, start: date | None = None, end: date | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """An Arrow IPC stream of daily demand in `[start, end)`, ordered by sku, warehouse, date."""
        days = {"start": start, "end": end}
        params = {name: day.isoformat() for name, day in days.items() if day is not None}
        return self._gateway.stream(_PROVIDER, f"{_PREFIX}/demand", params=params, accept=ARROW_STREAM)

    def planning_inputs(self) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """An Arrow IPC stream, one row per article and warehouse."""
        return self._gateway.stream(_PROVIDER, f"{_PREFIX}/planning-inputs", accept=ARROW_STREAM)

    async def create_purchase_order(
        self, draft: PurchaseOrderDraft, *, idempotency_key: str, acting_for: str | None = None
    ) -> PurchaseOrder:
        """The same key with the same draft gives the same order again."""
        answer = await self._gateway.post_json(
            _PROVIDER,
            f"{_PREFIX}/purchase-orders",
            draft.model_dump(mode="json"),
            idempotency_key=idempotency_key,
            acting_for=acting_for,
        )
        return _purchase_order(answer)

    async def approve_purchase_order(self, order_id: UUID, *, acting_for: str | None = None) -> PurchaseOrder:
        """Approving an approved order changes nothing, so the call may be repeated."""
        answer = await self._gateway.post_json(
            _PROVIDER,
            f"{_PREFIX}/purchase-orders/{order_id}/approval",
            idempotency_key=f"approval-{order_id}",
            acting_for=acting_for,
        )
        return _purchase_order(answer)

    async def get_purchase_order(self, order_id: UUID) -> PurchaseOrder:
        return _purchase_order(await self._gateway.get_json(_PROVIDER, f"{_PREFIX}/purchase-orders/{order_id}"))


def _purchase_order(answer: Any) -> PurchaseOrder:
    try:
        return PurchaseOrder.model_validate(answer)
    except ValidationError as error:
        raise UpstreamError(f"{_PROVIDER} described a purchase order in a form not understood here.") from error
