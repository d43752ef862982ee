"""Reads whole tables for planning, out of one snapshot, in bounded memory."""

import io
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import text

from data_service.database import in_scope
from shared.database.unit_of_work import UnitOfWork
from shared.web.identity import AccessScope

_PREFETCHED_ROWS = 2000

_ARTICLES = """
SELECT p.id, p.sku, sum(a.last_sold_on - a.first_sold_on + 1)::bigint AS days
FROM data.assortment a JOIN data.products p ON p.id = a.product_id
WHERE {visible}
GROUP BY p.id, p.sku
ORDER BY p.sku"""

_WAREHOUSES = "SELECT w.id, w.code FROM data.warehouses w WHERE {visible} ORDER BY w.code"

# NaN instead of NULL keeps every row of the binary copy at one width.
_DEMAND = """
SELECT s.product_id, s.warehouse_id, s.date, s.quantity, coalesce(s.price, 'NaN'), coalesce(k.on_hand, 'NaN')
FROM data.sales s
LEFT JOIN data.stock_snapshots k
    ON k.product_id = s.product_id AND k.warehouse_id = s.warehouse_id AND k.date = s.date
WHERE {condition}"""

_PLANNING = """
WITH lead_times AS (
    SELECT o.supplier_id, avg(l.received_on - o.ordered_on)::float8 AS mean,
           stddev_samp(l.received_on - o.ordered_on)::float8 AS sd, count(*)::int AS receipts
    FROM data.purchase_order_lines l JOIN data.purchase_orders o ON o.id = l.order_id
    WHERE l.received_on IS NOT NULL AND o.ordered_on IS NOT NULL AND l.received_quantity > 0
    GROUP BY o.supplier_id
), open_orders AS (
    SELECT l.product_id, o.warehouse_id, sum(l.quantity - l.received_quantity)::float8 AS quantity,
           min(coalesce(l.expected_on, o.expected_on)) AS expected_on
    FROM data.purchase_order_lines l JOIN data.purchase_orders o ON o.id = l.order_id
    WHERE o.status IN ('approved', 'ordered', 'partly_received') AND l.quantity > l.received_quantity
    GROUP BY l.product_id, o.warehouse_id
), pairs AS (
    SELECT product_id, warehouse_id FROM data.assortment
    UNION SELECT product_id, warehouse_id FROM data.stock_levels
    UNION SELECT product_id, warehouse_id FROM open_orders
)
SELECT p.sku, p.name, p.category, s.code, s.name, w.code, p.unit, coalesce(t.pack_size, 1)::float8,
       coalesce(t.moq, 0)::float8, t.cost::float8, p.price::float8, coalesce(t.currency, s.currency),
       coalesce(t.lead_time_days, s.lead_time_days), lt.mean, lt.sd, coalesce(lt.receipts, 0),
       s.min_order_value::float8, coalesce(s.order_weekdays, '{{}}'), coalesce(k.on_hand, 0), coalesce(k.reserved, 0),
       coalesce(oo.quantity, 0), oo.expected_on, k.counted_on, p.life_cycle
FROM pairs
JOIN data.products p ON p.id = pairs.product_id
JOIN data.warehouses w ON w.id = pairs.warehouse_id
LEFT JOIN data.supplier_terms t ON t.product_id = p.id AND t.is_preferred
LEFT JOIN data.suppliers s ON s.id = t.supplier_id
LEFT JOIN lead_times lt ON lt.supplier_id = s.id
LEFT JOIN data.stock_levels k ON k.product_id = p.id AND k.warehouse_id = w.id
LEFT JOIN open_orders oo ON oo.product_id = p.id AND oo.warehouse_id = w.id
WHERE {visible}
ORDER BY p.sku, w.code"""


class DemandRepository:
    """One snapshot: what is imported meanwhile is seen wholly by the next reader and not at all by this one.

    Only what lies in `scope` is read.
    """

    def __init__(self, work: UnitOfWork, scope: AccessScope) -> None:
        self._work = work
        self._scope = scope

    async def begin(self) -> None:
        await self._work.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        await self._work.session.execute(text("SET TRANSACTION READ ONLY"))

    async def list_articles(self) -> Sequence[tuple[int, str, int]]:
        """Id, code and days on sale of every article ever sold, ordered by code."""
        visible, values = in_scope(self._scope, article="p").numbered()
        rows = await (await self._work.driver()).fetch(_ARTICLES.format(visible=visible), *values)
        return [(row["id"], row["sku"], row["days"]) for row in rows]

    async def list_warehouses(self) -> Sequence[tuple[int, str]]:
        visible, values = in_scope(self._scope, warehouse="w.code").numbered()
        rows = await (await self._work.driver()).fetch(_WAREHOUSES.format(visible=visible), *values)
        return [(row["id"], row["code"]) for row in rows]

    async def copy_demand(
        self, product_ids: Sequence[int], warehouse_ids: Sequence[int], start: date | None, end: date | None
    ) -> bytes:
        """In PostgreSQL's binary COPY format, in no particular order; days in `[start, end)`."""
        conditions = [f"s.product_id = ANY ({_array(product_ids)})"]
        if self._scope.warehouses is not None:
            conditions.append(f"s.warehouse_id = ANY ({_array(warehouse_ids)})")
        if start is not None:
            conditions.append(f"s.date >= '{start.isoformat()}'")
        if end is not None:
            conditions.append(f"s.date < '{end.isoformat()}'")
        copied = io.BytesIO()
        query = _DEMAND.format(condition=" AND ".join(conditions))
        await (await self._work.driver()).copy_from_query(query, output=copied, format="binary")
        return copied.getvalue()

    async def planning_rows(self, batch_rows: int) -> AsyncIterator[list[Any]]:
        rows: list[Any] = []
        visible, values = in_scope(self._scope, article="p", warehouse="w.code").numbered()
        query = _PLANNING.format(visible=visible)
        async for row in (await self._work.driver()).cursor(query, *values, prefetch=_PREFETCHED_ROWS):
            rows.append(row)
            if len(rows) >= batch_rows:
                yield rows
                rows = []
        if rows:
            yield rows


def _array(ids: Sequence[int]) -> str:
    return "'{" + ",".join(map(str, ids)) + "}'::int[]"
