"""Routes of purchase orders."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from data_service.dependencies import ServiceResources, cursor_values
from data_service.purchasing.domain import Status
from data_service.purchasing.schemas import (
    CancellationRequest,
    PurchaseOrderRequest,
    PurchaseOrderResponse,
    PurchaseOrderSummary,
    ReceiptRequest,
)
from data_service.purchasing.service import Caller, PurchasingPolicy, PurchasingService
from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity, CallerScope
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1/purchase-orders", tags=["purchasing"])

_BUYERS = ("admin", "manager", "buyer")


async def get_purchasing_service(resources: ServiceResources) -> PurchasingService:
    settings = resources.settings
    policy = PurchasingPolicy(settings.default_warehouse, settings.default_currency, settings.buyer_approval_limit)
    return PurchasingService(resources.database, resources.idempotent, policy)


async def get_buyer(identity: CallerIdentity, idempotency_key: IdempotencyKey = None) -> Caller:
    identity.require_role(*_BUYERS)
    return Caller(identity.subject, identity.roles, identity.scope, idempotency_key)


Purchasing = Annotated[PurchasingService, Depends(get_purchasing_service)]
Buyer = Annotated[Caller, Depends(get_buyer)]


@router.get("", summary="List purchase orders, newest first")
async def list_purchase_orders(
    purchasing: Purchasing,
    scope: CallerScope,
    page: PageParameters,
    status: Annotated[list[Status] | None, Query(description="Any of these.")] = None,
    supplier: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]+$")] = None,
) -> Page[PurchaseOrderSummary]:
    after = cursor_values(page, lambda value: UUID(str(value)))
    orders = await purchasing.list_orders(
        scope, statuses=status or [], supplier=supplier, limit=page.limit + 1, after=after[0] if after else None
    )
    items = [PurchaseOrderSummary.model_validate(order) for order in orders[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(orders) > page.limit else None)


@router.post("", status_code=201, summary="Create a draft")
async def create_purchase_order(
    purchasing: Purchasing, caller: Buyer, body: PurchaseOrderRequest, response: Response
) -> PurchaseOrderResponse:
    order = await purchasing.create_order(body.to_domain(), caller)
    response.headers["Location"] = f"/v1/purchase-orders/{order.id}"
    return PurchaseOrderResponse.model_validate(order)


@router.get("/{order_id}", summary="One purchase order with its lines")
async def get_purchase_order(purchasing: Purchasing, scope: CallerScope, order_id: UUID) -> PurchaseOrderResponse:
    return PurchaseOrderResponse.model_validate(await purchasing.get_order(order_id, scope))


@router.post("/{order_id}/approval", summary="Approve a draft; from here on it counts as on order")
async def approve_purchase_order(purchasing: Purchasing, caller: Buyer, order_id: UUID) -> PurchaseOrderResponse:
    return PurchaseOrderResponse.model_validate(await purchasing.approve(order_id, caller))


@router.post("/{order_id}/placement", summary="Note that the order was placed with the supplier")
async def place_purchase_order(purchasing: Purchasing, caller: Buyer, order_id: UUID) -> PurchaseOrderResponse:
    return PurchaseOrderResponse.model_validate(await purchasing.place(order_id, caller))


@router.post("/{order_id}/receipts", summary="Note what arrived; moves stock")
async def receive_purchase_order(
    purchasing: Purchasing, caller: Buyer, order_id: UUID, body: ReceiptRequest
) -> PurchaseOrderResponse:
    return PurchaseOrderResponse.model_validate(await purchasing.receive(order_id, body.to_domain(), caller))


@router.post("/{order_id}/cancellation", summary="Cancel; what has not arrived no longer counts as on order")
async def cancel_purchase_order(
    purchasing: Purchasing, caller: Buyer, order_id: UUID, body: CancellationRequest | None = None
) -> PurchaseOrderResponse:
    reason = body.reason if body is not None else None
    return PurchaseOrderResponse.model_validate(await purchasing.cancel(order_id, reason, caller))
