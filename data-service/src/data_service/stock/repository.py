"""Queries of stock."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from data_service.database import in_scope
from data_service.stock.domain import Receipt
from shared.web.identity import AccessScope

_LIST = """
SELECT l.product_id, l.warehouse_id, p.sku, w.code AS warehouse, l.on_hand, l.reserved, l.counted_on, l.updated_at
FROM data.stock_levels l
JOIN data.products p ON p.id = l.product_id
JOIN data.warehouses w ON w.id = l.warehouse_id
WHERE {conditions}
ORDER BY l.product_id, l.warehouse_id
LIMIT :limit"""

_RECEIVE = text("""
WITH receipt AS (
    SELECT * FROM unnest(cast(:products AS int[]), cast(:warehouses AS int[]), cast(:quantities AS float8[]))
        AS r (product_id, warehouse_id, quantity)
), noted AS (
    INSERT INTO data.stock_movements (product_id, warehouse_id, kind, quantity, reference)
    SELECT product_id, warehouse_id, 'receipt', quantity, :reference FROM receipt
), moved AS (
    INSERT INTO data.stock_levels AS l (product_id, warehouse_id, on_hand, reserved, counted_on)
    SELECT product_id, warehouse_id, quantity, 0, current_date FROM receipt ORDER BY product_id, warehouse_id
    ON CONFLICT (product_id, warehouse_id) DO UPDATE SET on_hand = l.on_hand + excluded.on_hand, updated_at = now()
    RETURNING l.product_id, l.warehouse_id, l.on_hand, l.reserved
)
SELECT p.sku, w.code AS warehouse, m.on_hand, m.reserved
FROM moved m JOIN data.products p ON p.id = m.product_id JOIN data.warehouses w ON w.id = m.warehouse_id
ORDER BY p.sku, w.code""")


class StockRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_levels(
        self, scope: AccessScope, *, sku: str | None, warehouse: str | None, limit: int, after: tuple[int, int] | None
    ) -> Sequence[Any]:
        """By article in order of creation, warehouse."""
        visible = in_scope(scope, article="p", warehouse="w.code")
        conditions = [visible.sql]
        values: dict[str, Any] = {"limit": limit, **visible.values}
        if sku is not None:
            conditions.append("p.sku = :sku")
            values["sku"] = sku
        if warehouse is not None:
            conditions.append("w.code = :warehouse")
            values["warehouse"] = warehouse
        if after is not None:
            conditions += [
                "(l.product_id, l.warehouse_id) > (:after_product, :after_warehouse)",
                "p.id >= :after_product",
            ]
            values.update(zip(("after_product", "after_warehouse"), after, strict=True))
        statement = text(_LIST.format(conditions=" AND ".join(conditions)))
        rows: Sequence[Any] = (await self._session.execute(statement, values)).mappings().all()
        return rows

    async def receive(self, receipts: Sequence[Receipt], reference: UUID) -> Sequence[Any]:
        """Adds to the levels and notes the movements; the levels afterwards, each article and warehouse once."""
        values = {
            "products": [receipt.product_id for receipt in receipts],
            "warehouses": [receipt.warehouse_id for receipt in receipts],
            "quantities": [receipt.quantity for receipt in receipts],
            "reference": reference,
        }
        rows: Sequence[Any] = (await self._session.execute(_RECEIVE, values)).mappings().all()
        return rows
