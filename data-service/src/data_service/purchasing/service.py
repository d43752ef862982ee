"""Use cases of purchase orders, and their part in an import."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from data_service.catalog.domain import Applied
from data_service.catalog.service import PurchaseTerms
from data_service.purchasing import adapters
from data_service.purchasing.domain import (
    Draft,
    DraftLine,
    Line,
    Order,
    OrderRow,
    ReceivedLine,
    Status,
    may_approve,
    may_become,
    status_after_receipt,
)
from data_service.purchasing.errors import (
    ApprovalNotAllowedError,
    InvalidLineError,
    PurchaseOrderNotFoundError,
    WrongStatusError,
)
from data_service.purchasing.repository import PurchaseOrderRepository
from data_service.stock.domain import Receipt
from data_service.stock.service import receive_stock
from shared.database.base import new_id
from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import FieldError
from shared.events.data import (
    PurchaseOrderApprovedV1,
    PurchaseOrderCancelledV1,
    PurchaseOrderCreatedV1,
    PurchaseOrderLine,
    PurchaseOrderOrderedV1,
    PurchaseOrderReceivedV1,
)
from shared.events.fields import BATCH_LIMIT
from shared.web.identity import UNLIMITED, AccessScope, OutsideScopeError


@dataclass(frozen=True)
class PurchasingPolicy:
    default_warehouse: str
    default_currency: str
    buyer_approval_limit: Decimal


@dataclass(frozen=True)
class Caller:
    """Who asks, within which scope; `key` is the request's idempotency key."""

    subject: str
    roles: frozenset[str]
    scope: AccessScope
    key: str | None = None


class PurchasingService:
    def __init__(self, database: Database, idempotent: IdempotentRequests, policy: PurchasingPolicy) -> None:
        self._database = database
        self._idempotent = idempotent
        self._policy = policy

    async def list_orders(
        self, scope: AccessScope, *, statuses: Sequence[Status], supplier: str | None, limit: int, after: UUID | None
    ) -> list[Order]:
        async with self._database.unit_of_work() as work:
            return await PurchaseOrderRepository(work.session, scope).list_orders(
                statuses=statuses, supplier=supplier, limit=limit, after=after
            )

    async def get_order(self, order_id: UUID, scope: AccessScope) -> Order:
        async with self._database.unit_of_work() as work:
            return await _order(work, order_id, scope)

    async def create_order(self, draft: Draft, caller: Caller) -> Order:
        """The same key with the same draft gives the order made the first time. Raises: OutsideScopeError."""
        async with self._database.unit_of_work() as work:
            known = await self._claim(work, caller, fingerprint("create_purchase_order", draft))
            if known is not None:
                return await _order(work, known, caller.scope)
            order_id = await self._add(work, draft, caller)
            order = await _order(work, order_id, caller.scope)
            created = PurchaseOrderCreatedV1(**_facts(order), created_by=caller.subject, lines=_ordered_lines(order))
            await work.publish(created, subject=str(order_id))
            await self._remember(work, caller, order_id)
            await work.commit()
        return order

    async def approve(self, order_id: UUID, caller: Caller) -> Order:
        async with self._database.unit_of_work() as work:
            order = await _locked(work, order_id, caller.scope)
            if order.status is Status.APPROVED:
                return order
            _require(order, Status.APPROVED)
            if not may_approve(caller.roles, order.value, self._policy.buyer_approval_limit):
                raise ApprovalNotAllowedError(
                    f"Order {order.number} over {order.value} {order.currency} is above what you may approve "
                    f"({self._policy.buyer_approval_limit} for buyers). Ask a manager."
                )
            order = await _change(work, order_id, status=Status.APPROVED, approved_by=caller.subject)
            approved = PurchaseOrderApprovedV1(**_facts(order), approved_by=caller.subject, lines=_ordered_lines(order))
            await work.publish(approved, subject=str(order_id))
            await work.commit()
        return order

    async def place(self, order_id: UUID, caller: Caller) -> Order:
        async with self._database.unit_of_work() as work:
            order = await _locked(work, order_id, caller.scope)
            if order.status is Status.ORDERED:
                return order
            _require(order, Status.ORDERED)
            order = await _change(work, order_id, status=Status.ORDERED, ordered_on=_today())
            placed = PurchaseOrderOrderedV1(**_facts(order), ordered_by=caller.subject)
            await work.publish(placed, subject=str(order_id))
            await work.commit()
        return order

    async def receive(self, order_id: UUID, lines: Sequence[ReceivedLine], caller: Caller) -> Order:
        """Moves stock, too. The same key with the same lines is one receipt."""
        async with self._database.unit_of_work() as work:
            request = fingerprint("receive_purchase_order", [order_id, *lines])
            if await self._claim(work, caller, request) is not None:
                return await _order(work, order_id, caller.scope)
            order = await _locked(work, order_id, caller.scope)
            _require(order, Status.PARTLY_RECEIVED)
            order = await _receive(work, order, lines)
            await self._remember(work, caller, order_id)
            await work.commit()
        return order

    async def cancel(self, order_id: UUID, reason: str | None, caller: Caller) -> Order:
        async with self._database.unit_of_work() as work:
            order = await _locked(work, order_id, caller.scope)
            if order.status is Status.CANCELLED:
                return order
            _require(order, Status.CANCELLED)
            await PurchaseOrderRepository(work.session, caller.scope).free_plan_lines(order_id)
            order = await _change(
                work, order_id, status=Status.CANCELLED, cancelled_by=caller.subject, cancellation_reason=reason
            )
            cancelled = PurchaseOrderCancelledV1(**_facts(order), cancelled_by=caller.subject, reason=reason)
            await work.publish(cancelled, subject=str(order_id))
            await work.commit()
        return order

    async def _add(self, work: UnitOfWork, draft: Draft, caller: Caller) -> UUID:
        terms = PurchaseTerms(work)
        warehouse = draft.warehouse or self._policy.default_warehouse
        await _require_in_scope(terms, draft, warehouse, caller.scope)
        supplier = await terms.supplier(draft.supplier)
        warehouse_id = await terms.warehouse_id(warehouse)
        articles = await terms.articles([line.sku for line in draft.lines], supplier.id)
        lines = _priced(draft.lines, articles)
        repository = PurchaseOrderRepository(work.session, caller.scope)
        order = {
            "id": new_id(),
            "number": await repository.next_number(_today()),
            "supplier_id": supplier.id,
            "warehouse_id": warehouse_id,
            "status": Status.DRAFT,
            "currency": draft.currency or supplier.currency or self._policy.default_currency,
            "expected_on": draft.expected_on,
            "created_by": caller.subject,
        }
        await repository.add(order, [{**line, "expected_on": draft.expected_on} for line in lines])
        order_id: UUID = order["id"]
        return order_id

    async def _claim(self, work: UnitOfWork, caller: Caller, request: str) -> UUID | None:
        if caller.key is None:
            return None
        answer = await self._idempotent.claim(work, caller=caller.subject, key=caller.key, request=request)
        return None if answer is None else UUID(answer["order_id"])

    async def _remember(self, work: UnitOfWork, caller: Caller, order_id: UUID) -> None:
        if caller.key is not None:
            answer = {"order_id": str(order_id)}
            await self._idempotent.remember(work, caller=caller.subject, key=caller.key, response=answer)


async def _require_in_scope(terms: PurchaseTerms, draft: Draft, warehouse: str, scope: AccessScope) -> None:
    """Before anything is looked up by name: what lies outside is refused alike, whether it exists or not."""
    outside = [
        FieldError(f"{name} {code!r} lies outside your scope", pointer=f"/{name}")
        for name, code, is_allowed in (
            ("supplier", draft.supplier, scope.allows_supplier(draft.supplier)),
            ("warehouse", warehouse, scope.allows_warehouse(warehouse)),
        )
        if not is_allowed
    ]
    if scope.categories is not None and not outside:
        skus = await terms.skus_outside([line.sku for line in draft.lines], scope.categories)
        outside += [
            FieldError(f"article {line.sku!r} lies outside your categories", pointer=f"/lines/{index}/sku")
            for index, line in enumerate(draft.lines)
            if line.sku in skus
        ]
    if outside:
        raise OutsideScopeError(
            f"You may not order this: {outside[0].detail}. Ask whoever is responsible for it.", errors=outside
        )


async def _receive(work: UnitOfWork, order: Order, received: Sequence[ReceivedLine]) -> Order:
    repository = PurchaseOrderRepository(work.session, UNLIMITED)
    by_sku = {line.sku: line for line in order.lines}
    unknown = [index for index, line in enumerate(received) if line.sku not in by_sku]
    if unknown:
        raise InvalidLineError(
            f"Order {order.number} has no line for {received[unknown[0]].sku!r}.",
            errors=[FieldError("not on this order", pointer=f"/lines/{index}/sku") for index in unknown],
        )
    open_quantities = {line.sku: line.quantity - line.received_quantity for line in order.lines}
    for line in received:
        known = by_sku[line.sku]
        open_quantities[line.sku] -= line.quantity
        total = known.received_quantity + line.quantity
        await repository.note_receipt(known.id, received_quantity=total, received_on=_today())
    receipts = [
        Receipt(by_sku[line.sku].product_id, order.warehouse_id, float(line.quantity))
        for line in sorted(received, key=lambda line: by_sku[line.sku].product_id)
    ]
    await receive_stock(work, receipts, order.id)
    status = status_after_receipt(list(open_quantities.values()))
    changed = await _change(work, order.id, status=status, ordered_on=order.ordered_on or _today())
    event = PurchaseOrderReceivedV1(
        **_facts(changed),
        received_at=datetime.now(UTC),
        complete=status is Status.RECEIVED,
        lines=[_event_line(by_sku[line.sku], line.quantity) for line in received[:BATCH_LIMIT]],
    )
    await work.publish(event, subject=str(order.id))
    return changed


async def _order(work: UnitOfWork, order_id: UUID, scope: AccessScope) -> Order:
    found = await PurchaseOrderRepository(work.session, scope).find(order_id)
    if found is None:
        raise PurchaseOrderNotFoundError(f"There is no purchase order {order_id}.")
    return found


async def _locked(work: UnitOfWork, order_id: UUID, scope: AccessScope) -> Order:
    await PurchaseOrderRepository(work.session, scope).lock(order_id)
    return await _order(work, order_id, scope)


async def _change(work: UnitOfWork, order_id: UUID, **values: Any) -> Order:
    await PurchaseOrderRepository(work.session, UNLIMITED).change(order_id, **values)
    return await _order(work, order_id, UNLIMITED)


def _require(order: Order, target: Status) -> None:
    if not may_become(order.status, target):
        raise WrongStatusError(f"Order {order.number} is {order.status}; from there it cannot become {target}.")


def _priced(lines: Sequence[DraftLine], articles: dict[str, tuple[int, Decimal | None]]) -> list[dict[str, Any]]:
    errors: list[FieldError] = []
    priced: list[dict[str, Any]] = []
    seen: set[str] = set()
    for index, line in enumerate(lines):
        product_id, cost = articles.get(line.sku, (None, None))
        unit_cost = cost if line.unit_cost is None else line.unit_cost
        if product_id is None:
            errors.append(FieldError(f"there is no article {line.sku!r}", pointer=f"/lines/{index}/sku"))
        elif line.sku in seen:
            errors.append(FieldError(f"{line.sku!r} stands on two lines; add them up", pointer=f"/lines/{index}/sku"))
        elif unit_cost is None:
            errors.append(
                FieldError("no cost is known for this article; give one", pointer=f"/lines/{index}/unit_cost")
            )
        seen.add(line.sku)
        priced.append(
            {
                "product_id": product_id,
                "quantity": line.quantity,
                "unit_cost": unit_cost,
                "plan_line_id": line.plan_line_id,
            }
        )
    if errors:
        raise InvalidLineError(f"{len(errors)} of the order's lines cannot be used: {errors[0].detail}.", errors=errors)
    return priced


def _facts(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "number": order.number,
        "supplier": order.supplier,
        "warehouse": order.warehouse,
        "currency": order.currency,
        "value": order.value,
        "line_count": order.line_count,
        "expected_on": order.expected_on,
    }


def _ordered_lines(order: Order) -> list[PurchaseOrderLine]:
    return [_event_line(line, line.quantity) for line in order.lines[:BATCH_LIMIT]]


def _event_line(line: Line, quantity: Decimal) -> PurchaseOrderLine:
    return PurchaseOrderLine(
        sku=line.sku, quantity=float(quantity), unit_cost=line.unit_cost, plan_line_id=line.plan_line_id
    )


def _today() -> date:
    return datetime.now(UTC).date()


class PurchaseOrderIntake:
    """Rows of one purchase orders file, inside the transaction of its import."""

    def __init__(self, work: UnitOfWork, *, default_currency: str, created_by: str) -> None:
        self._work = work
        self._default_currency = default_currency
        self._created_by = created_by
        self._orders: dict[str, tuple[UUID, int]] = {}

    async def begin(self) -> None:
        await adapters.begin(await self._work.driver())

    async def order_ids(self, numbers: Sequence[str], supplier_ids: Sequence[int]) -> list[UUID | None]:
        """The order each row belongs to, new or known; None where that order is another supplier's."""
        missing = sorted(set(numbers).difference(self._orders))
        self._orders.update(await adapters.find_orders(await self._work.driver(), missing))
        ids: list[UUID | None] = []
        for number, supplier_id in zip(numbers, supplier_ids, strict=True):
            order_id, owner = self._orders.setdefault(number, (new_id(), supplier_id))
            ids.append(order_id if owner == supplier_id else None)
        return ids

    async def stage(self, rows: Sequence[OrderRow]) -> None:
        await adapters.stage(await self._work.driver(), rows)

    async def apply(self) -> Applied:
        counts = await adapters.apply(await self._work.driver(), self._default_currency, self._created_by)
        rules = Counter(
            exact_duplicate=counts["staged"] - counts["distinct_rows"],
            superseded_in_file=counts["distinct_rows"] - counts["keys"],
        )
        return Applied(
            applied=counts["touched"],
            unchanged=counts["keys"] - counts["touched"],
            cleaned=counts["staged"] - counts["keys"],
            rules=+rules,
            period_start=counts["first"],
            period_end=counts["last"],
        )
