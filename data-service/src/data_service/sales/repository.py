"""Queries of sales."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from data_service.database import in_scope
from shared.web.identity import AccessScope


@dataclass(frozen=True)
class SalesFilter:
    """`[start, end)`; None leaves a side open."""

    sku: str | None = None
    warehouse: str | None = None
    start: date | None = None
    end: date | None = None


_LIST = """
SELECT s.product_id, s.warehouse_id, s.date, p.sku, w.code AS warehouse, s.quantity, s.price
FROM data.sales s
JOIN data.products p ON p.id = s.product_id
JOIN data.warehouses w ON w.id = s.warehouse_id
WHERE {conditions}
ORDER BY s.product_id, s.warehouse_id, s.date
LIMIT :limit"""


class SalesRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_partitions(self) -> None:
        """One transaction at a time makes partitions."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(hashtext('data:sales-partitions'))"))

    async def list_sales(
        self, wanted: SalesFilter, scope: AccessScope, *, limit: int, after: tuple[int, int, date] | None
    ) -> Sequence[Any]:
        """By article in order of creation, warehouse, day."""
        visible = in_scope(scope, article="p", warehouse="w.code")
        conditions = [visible.sql]
        values: dict[str, Any] = {"limit": limit, **visible.values}
        bounds: dict[str, tuple[str, Any]] = {
            "sku": ("s.product_id = (SELECT id FROM data.products WHERE sku = :sku)", wanted.sku),
            "warehouse": (
                "s.warehouse_id = (SELECT id FROM data.warehouses WHERE code = :warehouse)",
                wanted.warehouse,
            ),
            "start": ("s.date >= :start", wanted.start),
            "end": ("s.date < :end", wanted.end),
        }
        for name, (condition, value) in bounds.items():
            if value is not None:
                conditions.append(condition)
                values[name] = value
        if after is not None:
            # The second is implied, and lets the planner begin with the articles of the page when a scope names some.
            conditions += [
                "(s.product_id, s.warehouse_id, s.date) > (:after_product, :after_warehouse, :after_date)",
                "p.id >= :after_product",
            ]
            values.update(zip(("after_product", "after_warehouse", "after_date"), after, strict=True))
        statement = text(_LIST.format(conditions=" AND ".join(conditions)))
        rows: Sequence[Any] = (await self._session.execute(statement, values)).mappings().all()
        return rows
