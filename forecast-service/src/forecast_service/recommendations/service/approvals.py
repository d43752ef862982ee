"""Approving lines: purchase orders in data-service, then the lines' own status; never a call inside a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from forecast_service.recommendations.adapters.orders import OrderDesk
from forecast_service.recommendations.domain.approval import (
    ApprovalLine,
    OrderGroup,
    Skipped,
    order_groups,
    refusal,
)
from forecast_service.recommendations.errors import NothingToApproveError, PlanNotFoundError
from forecast_service.recommendations.repository import PlanRepository, RecommendationRepository
from shared.clients.http import UpstreamProblemError
from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database
from shared.errors import ServiceError
from shared.observability.logging import get_logger
from shared.web.identity import AccessScope

_log = get_logger(__name__)


@dataclass(frozen=True)
class Approver:
    """`token` is the identity token that came with the request: orders are made on this person's behalf.

    Lines outside `scope` are no lines to this person.
    """

    subject: str
    token: str
    scope: AccessScope
    key: str | None = None


@dataclass(frozen=True)
class Selection:
    """Named lines, or everything a plan proposes for one supplier."""

    ids: tuple[UUID, ...] = ()
    plan_id: UUID | None = None
    supplier: str | None = None


@dataclass(frozen=True)
class OrderSummary:
    """`lines` and `value` are those of this approval, `value` in `currency`."""

    id: UUID
    number: str
    supplier: str
    warehouse: str
    currency: str
    lines: int
    value: float


@dataclass
class ApprovalResult:
    """`complete` is false when a neighbour failed on the way: the same request may then do more next time."""

    purchase_orders: list[OrderSummary] = field(default_factory=list)
    approved: list[UUID] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    complete: bool = True


class ApprovalService:
    def __init__(self, database: Database, desk: OrderDesk, idempotent: IdempotentRequests) -> None:
        self._database = database
        self._desk = desk
        self._idempotent = idempotent

    async def approve(self, selection: Selection, approver: Approver) -> ApprovalResult:
        """One order per supplier and warehouse, created and approved; each failure is told per line.

        Safe to repeat: the same lines lead to the same orders, and lines approved before are reported as approved.

        Raises:
            NothingToApproveError, PlanNotFoundError
        """
        remembered = await self._remembered(selection, approver)
        if remembered is not None:
            return _result_of(remembered)
        current, lines = await self._lines(selection, approver.scope)
        found = {line.id for line in lines}
        result = ApprovalResult()
        result.skipped += [
            Skipped(each, "There is no such recommendation.") for each in selection.ids if each not in found
        ]
        self._add_approved_before(lines, result)
        open_lines = [line for line in lines if line.status != "approved"]
        reasons = {line.id: refusal(line, current) for line in open_lines}
        result.skipped += [Skipped(line_id, reason) for line_id, reason in reasons.items() if reason is not None]
        for group in order_groups([line for line in open_lines if reasons[line.id] is None]):
            await self._order(group, approver, result)
        if result.complete:
            await self._remember(approver, result)
        return result

    async def _lines(self, selection: Selection, scope: AccessScope) -> tuple[UUID | None, list[ApprovalLine]]:
        """The current plan, and the selected lines."""
        async with self._database.unit_of_work() as work:
            plans, repository = PlanRepository(work.session), RecommendationRepository(work.session, scope)
            latest = await plans.latest()
            ids: Sequence[UUID] = selection.ids
            if selection.supplier is not None and selection.plan_id is not None:
                if await plans.find(selection.plan_id) is None:
                    raise PlanNotFoundError(f"There is no plan {selection.plan_id}. GET /v1/plans lists them.")
                ids = await repository.approvable(selection.plan_id, selection.supplier)
            if not ids:
                raise NothingToApproveError(
                    "Name recommendation_ids, or a plan_id and a supplier which has lines to order in that plan."
                )
            return (latest.id if latest is not None else None), await repository.approval_lines(ids)

    @staticmethod
    def _add_approved_before(lines: Sequence[ApprovalLine], result: ApprovalResult) -> None:
        before = [line for line in lines if line.status == "approved"]
        result.approved += [line.id for line in before]
        result.purchase_orders += [
            _summary(group, group.order_id, group.lines[0].purchase_order_number or "")
            for group in order_groups(before)
            if group.order_id is not None
        ]

    async def _order(self, group: OrderGroup, approver: Approver, result: ApprovalResult) -> None:
        ids = [line.id for line in group.lines]
        order_id, number = group.order_id, group.lines[0].purchase_order_number or ""
        try:
            if order_id is None:
                order = await self._desk.draft(group, approver.token)
                order_id, number = order.id, order.number
                await self._decide(ids, "drafted", approver, order_id, number)
            await self._desk.approve(order_id, approver.token)
        except ServiceError as error:
            _log.warning("approval_failed", supplier=group.supplier, order=number, code=error.code, detail=error.detail)
            reason = f"The draft {number} exists but is not approved: {error.detail}" if number else error.detail
            result.skipped += [Skipped(line_id, reason) for line_id in ids]
            result.complete = result.complete and _is_final(error)
            return
        await self._decide(ids, "approved", approver, order_id, number)
        result.approved += ids
        result.purchase_orders.append(_summary(group, order_id, number))

    async def _decide(self, ids: Sequence[UUID], status: str, approver: Approver, order_id: UUID, number: str) -> None:
        async with self._database.unit_of_work() as work:
            await RecommendationRepository(work.session, approver.scope).decide(
                ids,
                status=status,
                decided_by=approver.subject,
                purchase_order_id=order_id,
                purchase_order_number=number,
            )
            await work.commit()

    async def _remembered(self, selection: Selection, approver: Approver) -> dict[str, Any] | None:
        """Claims the key; a repeat whose first time had no final answer does the work again, which is harmless."""
        if approver.key is None:
            return None
        body = [sorted(map(str, selection.ids)), selection.plan_id, selection.supplier]
        async with self._database.unit_of_work() as work:
            answer = await self._idempotent.claim(
                work, caller=approver.subject, key=approver.key, request=fingerprint("approve", body)
            )
            await work.commit()
        return answer

    async def _remember(self, approver: Approver, result: ApprovalResult) -> None:
        if approver.key is None:
            return
        async with self._database.unit_of_work() as work:
            await self._idempotent.remember(work, caller=approver.subject, key=approver.key, response=_stored(result))
            await work.commit()


def _is_final(error: ServiceError) -> bool:
    """A refusal stands; a neighbour that is away may answer next time."""
    return isinstance(error, UpstreamProblemError) and error.upstream_status < 500


def _summary(group: OrderGroup, order_id: UUID, number: str) -> OrderSummary:
    value = sum(line.quantity * (line.unit_cost or 0.0) for line in group.lines)
    return OrderSummary(
        order_id, number, group.supplier, group.warehouse, group.currency, len(group.lines), round(value, 2)
    )


def _stored(result: ApprovalResult) -> dict[str, Any]:
    return {
        "purchase_orders": [{**vars(order), "id": str(order.id)} for order in result.purchase_orders],
        "approved": [str(line_id) for line_id in result.approved],
        "skipped": [{"id": str(skipped.id), "reason": skipped.reason} for skipped in result.skipped],
    }


def _result_of(stored: dict[str, Any]) -> ApprovalResult:
    return ApprovalResult(
        purchase_orders=[OrderSummary(**{**order, "id": UUID(order["id"])}) for order in stored["purchase_orders"]],
        approved=[UUID(line_id) for line_id in stored["approved"]],
        skipped=[Skipped(UUID(skipped["id"]), skipped["reason"]) for skipped in stored["skipped"]],
    )
