"""Queries of purchase orders."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from data_service.database import Condition, condition, in_scope
from data_service.purchasing.domain import Line, Order, Status
from data_service.purchasing.errors import PlanLineOrderedError
from data_service.purchasing.models import ORDER_NUMBERS, PurchaseOrder, PurchaseOrderLine
from shared.web.identity import AccessScope

_ORDERS = """
SELECT o.id, o.number, o.status, s.code AS supplier, w.code AS warehouse, o.warehouse_id, o.currency,
       t.value, t.line_count, o.ordered_on, o.expected_on, o.created_by, o.approved_by, o.cancelled_by,
       o.cancellation_reason, o.created_at, o.updated_at
FROM data.purchase_orders o
JOIN data.suppliers s ON s.id = o.supplier_id
JOIN data.warehouses w ON w.id = o.warehouse_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.quantity * l.unit_cost), 0)::numeric(18, 4) AS value, count(*) AS line_count
    FROM data.purchase_order_lines l WHERE l.order_id = o.id
) AS t
WHERE {conditions}
ORDER BY o.id DESC
LIMIT :limit"""

_LINES = text("""
SELECT l.id, l.product_id, p.sku, p.name, l.quantity, l.unit_cost, l.received_quantity, l.expected_on, l.received_on,
       l.plan_line_id
FROM data.purchase_order_lines l JOIN data.products p ON p.id = l.product_id
WHERE l.order_id = :order_id
ORDER BY l.id""")


# An order is approved, received and cancelled as a whole: one foreign line makes all of it foreign.
_ONLY_OWN_CATEGORIES = """NOT EXISTS (
    SELECT FROM data.purchase_order_lines l JOIN data.products p ON p.id = l.product_id
    WHERE l.order_id = o.id AND (p.category = ANY(:scope_categories)) IS NOT TRUE)"""


class PurchaseOrderRepository:
    """Orders outside `scope` are not found."""

    def __init__(self, session: AsyncSession, scope: AccessScope) -> None:
        self._session = session
        self._visible = _visible(scope)

    async def next_number(self, today: date) -> str:
        value = (await self._session.execute(select(ORDER_NUMBERS.next_value()))).scalar_one()
        return f"PO-{today:%Y%m%d}-{value:06d}"

    async def add(self, order: dict[str, Any], lines: Sequence[dict[str, Any]]) -> None:
        """Raises: PlanLineOrderedError."""
        await self._session.execute(insert(PurchaseOrder).values(**order))
        rows = [{**line, "order_id": order["id"]} for line in lines]
        try:
            await self._session.execute(insert(PurchaseOrderLine), rows)
        except IntegrityError as error:
            raise PlanLineOrderedError(
                "A line of this order comes from a line of the plan that another order holds already. "
                "Fetch the open orders, or cancel the other one first."
            ) from error

    async def find(self, order_id: UUID) -> Order | None:
        found = await self._orders(["o.id = :order_id"], {"order_id": order_id, "limit": 1})
        if not found:
            return None
        rows = (await self._session.execute(_LINES, {"order_id": order_id})).mappings()
        return _order(found[0], tuple(Line(**row) for row in rows))

    async def lock(self, order_id: UUID) -> None:
        """Until the end of the transaction nobody else changes this order."""
        await self._session.execute(select(PurchaseOrder.id).where(PurchaseOrder.id == order_id).with_for_update())

    async def list_orders(
        self, *, statuses: Sequence[Status], supplier: str | None, limit: int, after: UUID | None
    ) -> list[Order]:
        """Newest first, without their lines."""
        conditions: list[str] = []
        values: dict[str, Any] = {"limit": limit}
        if statuses:
            conditions.append("o.status = ANY(:statuses)")
            values["statuses"] = [status.value for status in statuses]
        if supplier is not None:
            conditions.append("s.code = :supplier")
            values["supplier"] = supplier
        if after is not None:
            conditions.append("o.id < :after")
            values["after"] = after
        return [_order(row, ()) for row in await self._orders(conditions, values)]

    async def _orders(self, conditions: Sequence[str], values: dict[str, Any]) -> Sequence[Any]:
        visible = self._visible
        statement = text(_ORDERS.format(conditions=" AND ".join([visible.sql, *conditions])))
        rows: Sequence[Any] = (await self._session.execute(statement, {**values, **visible.values})).mappings().all()
        return rows

    async def change(self, order_id: UUID, **values: Any) -> None:
        await self._session.execute(
            update(PurchaseOrder).where(PurchaseOrder.id == order_id).values(**values, updated_at=text("now()"))
        )

    async def free_plan_lines(self, order_id: UUID) -> None:
        await self._session.execute(
            update(PurchaseOrderLine).where(PurchaseOrderLine.order_id == order_id).values(is_cancelled=True)
        )

    async def note_receipt(self, line_id: int, **values: Any) -> None:
        await self._session.execute(update(PurchaseOrderLine).where(PurchaseOrderLine.id == line_id).values(**values))


def _visible(scope: AccessScope) -> Condition:
    whole = in_scope(scope, supplier="s.code", warehouse="w.code").sql
    return condition(whole if scope.categories is None else f"{whole} AND {_ONLY_OWN_CATEGORIES}", scope)


def _order(row: Any, lines: tuple[Line, ...]) -> Order:
    return Order(**{**row, "status": Status(row["status"])}, lines=lines)
