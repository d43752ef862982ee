"""Routes of plans and recommendations."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from forecast_service.dependencies import ServiceResources, cursor_text, cursor_values
from forecast_service.recommendations.adapters.orders import OrderDesk
from forecast_service.recommendations.domain.filters import LineFilter, Order
from forecast_service.recommendations.schemas import (
    ApprovalRequest,
    ApprovalResponse,
    ExplanationResponse,
    PlanResponse,
    RecommendationResponse,
    RejectionRequest,
    Status,
)
from forecast_service.recommendations.service.approvals import ApprovalService, Approver, Selection
from forecast_service.recommendations.service.reader import PlanReader
from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity, CallerScope
from shared.web.pagination import Page, PageParameters, PageRequest, encode_cursor

router = APIRouter(prefix="/v1", tags=["recommendations"])

_BUYERS = ("admin", "manager", "buyer")
_Code = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]+$")]


async def get_plan_reader(resources: ServiceResources, scope: CallerScope) -> PlanReader:
    return PlanReader(resources.database, scope)


async def get_approval_service(resources: ServiceResources) -> ApprovalService:
    return ApprovalService(resources.database, OrderDesk(resources.data), resources.idempotent)


async def get_line_filter(
    sku: _Code = None,
    supplier: _Code = None,
    warehouse: _Code = None,
    status: Annotated[
        list[Status] | None,
        Query(description="Any of these. Default: lines with something to order (all lines when `sku` is given)."),
    ] = None,
    order: Annotated[Order, Query(description="Most money at risk first, or by article.")] = "urgency",
) -> LineFilter:
    return LineFilter(sku, supplier, warehouse, tuple(status or ()), order)


Plans = Annotated[PlanReader, Depends(get_plan_reader)]
Approvals = Annotated[ApprovalService, Depends(get_approval_service)]
Filter = Annotated[LineFilter, Depends(get_line_filter)]


@router.get("/plans", summary="List plans, newest first")
async def list_plans(plans: Plans, page: PageParameters) -> Page[PlanResponse]:
    after = cursor_values(page, lambda value: UUID(str(value)))
    found = await plans.list_plans(limit=page.limit + 1, after=after[0] if after else None)
    items = [PlanResponse.of(plan) for plan in found[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(found) > page.limit else None)


@router.get("/plans/latest", summary="The current plan")
async def get_latest_plan(plans: Plans) -> PlanResponse:
    return PlanResponse.of(await plans.get_plan(None))


@router.get("/plans/{plan_id}", summary="One plan")
async def get_plan(plans: Plans, plan_id: UUID) -> PlanResponse:
    return PlanResponse.of(await plans.get_plan(plan_id))


@router.get("/recommendations", summary="Order lines of a plan, the most urgent first")
async def list_recommendations(
    plans: Plans,
    page: PageParameters,
    filters: Filter,
    plan_id: Annotated[UUID | None, Query(description="Default: the current plan.")] = None,
) -> Page[RecommendationResponse]:
    after = _after(page, filters.order)
    rows = await plans.list_recommendations(plan_id, filters, limit=page.limit + 1, after=after)
    items = [RecommendationResponse.model_validate(row) for row in rows[: page.limit]]
    return Page(items=items, next_cursor=_cursor(items[-1], filters.order) if len(rows) > page.limit else None)


@router.post("/recommendations/approvals", summary="Approve lines: one approved purchase order per supplier")
async def approve_recommendations(
    approvals: Approvals, identity: CallerIdentity, body: ApprovalRequest, idempotency_key: IdempotencyKey = None
) -> ApprovalResponse:
    identity.require_role(*_BUYERS)
    selection = Selection(tuple(body.recommendation_ids or ()), body.plan_id, body.supplier)
    result = await approvals.approve(
        selection, Approver(identity.subject, identity.token, identity.scope, idempotency_key)
    )
    return ApprovalResponse.model_validate(result)


@router.get("/recommendations/{recommendation_id}", summary="One order line")
async def get_recommendation(plans: Plans, recommendation_id: UUID) -> RecommendationResponse:
    return RecommendationResponse.model_validate(await plans.get_recommendation(recommendation_id))


@router.get("/recommendations/{recommendation_id}/explanation", summary="Why this quantity: inputs, steps, replay")
async def explain_recommendation(plans: Plans, recommendation_id: UUID) -> ExplanationResponse:
    return ExplanationResponse.of(await plans.get_recommendation(recommendation_id))


@router.post("/recommendations/{recommendation_id}/rejection", summary="Reject a line, with the reason")
async def reject_recommendation(
    plans: Plans, identity: CallerIdentity, recommendation_id: UUID, body: RejectionRequest
) -> RecommendationResponse:
    identity.require_role(*_BUYERS)
    line = await plans.reject(recommendation_id, reason=body.reason, decided_by=identity.subject)
    return RecommendationResponse.model_validate(line)


def _after(page: PageRequest, order: Order) -> tuple[Any, ...] | None:
    if order == "urgency":
        return cursor_values(page, float, lambda value: UUID(str(value)))
    return cursor_values(page, cursor_text, cursor_text)


def _cursor(last: RecommendationResponse, order: Order) -> str:
    return encode_cursor(last.urgency_value, last.id) if order == "urgency" else encode_cursor(last.sku, last.warehouse)
