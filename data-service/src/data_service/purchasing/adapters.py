"""A purchase orders file applied: staged by COPY, then orders and lines upserted where something differs."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from data_service.purchasing.domain import OrderRow

_STAGE = """
CREATE TEMP TABLE staged_orders (
    line bigint, fingerprint bigint, order_id uuid, number text, supplier_id int, warehouse_id int, product_id int,
    quantity float8, ordered_on date, expected_on date, received_on date, received_quantity float8,
    unit_cost float8, currency text
) ON COMMIT DROP"""

# The last row of an order's article wins. A day of receipt without a quantity means that all of it came.
_LATEST = """
CREATE TEMP TABLE latest_lines ON COMMIT DROP AS
SELECT DISTINCT ON (order_id, product_id)
    line, order_id, number, supplier_id, warehouse_id, product_id, round(quantity::numeric, 3) AS quantity, ordered_on,
    expected_on, received_on, currency, round(unit_cost::numeric, 4) AS unit_cost,
    round(coalesce(received_quantity, CASE WHEN received_on IS NULL THEN 0 ELSE quantity END)::numeric, 3)
        AS received_quantity
FROM staged_orders ORDER BY order_id, product_id, line DESC"""

_ORDERS = """
INSERT INTO data.purchase_orders
    (id, number, supplier_id, warehouse_id, status, currency, ordered_on, expected_on, created_by)
SELECT l.order_id, min(l.number), min(l.supplier_id), (array_agg(l.warehouse_id ORDER BY l.line))[1], 'ordered',
       coalesce(max(l.currency), max(s.currency), $1), min(l.ordered_on), max(l.expected_on), $2
FROM latest_lines l JOIN data.suppliers s ON s.id = l.supplier_id
WHERE NOT EXISTS (SELECT FROM data.purchase_orders o WHERE o.id = l.order_id)
GROUP BY l.order_id
ORDER BY l.order_id"""

_TOUCHED = """
CREATE TEMP TABLE touched_lines (order_id uuid, product_id int) ON COMMIT DROP;
WITH updated AS (
    UPDATE data.purchase_order_lines t
    SET quantity = l.quantity, received_quantity = l.received_quantity, received_on = l.received_on,
        expected_on = l.expected_on, unit_cost = coalesce(l.unit_cost, t.unit_cost)
    FROM latest_lines l
    WHERE t.order_id = l.order_id AND t.product_id = l.product_id AND NOT t.is_cancelled
      AND (t.quantity, t.received_quantity, t.received_on, t.expected_on, t.unit_cost) IS DISTINCT FROM
          (l.quantity, l.received_quantity, l.received_on, l.expected_on, coalesce(l.unit_cost, t.unit_cost))
    RETURNING t.order_id, t.product_id
), inserted AS (
    INSERT INTO data.purchase_order_lines
        (order_id, product_id, quantity, unit_cost, received_quantity, expected_on, received_on)
    SELECT l.order_id, l.product_id, l.quantity, coalesce(l.unit_cost, own.cost, preferred.cost, 0),
           l.received_quantity, l.expected_on, l.received_on
    FROM latest_lines l
    JOIN data.purchase_orders o ON o.id = l.order_id AND o.status <> 'cancelled'
    LEFT JOIN data.supplier_terms own ON own.product_id = l.product_id AND own.supplier_id = l.supplier_id
    LEFT JOIN data.supplier_terms preferred ON preferred.product_id = l.product_id AND preferred.is_preferred
    WHERE NOT EXISTS (
        SELECT FROM data.purchase_order_lines t WHERE t.order_id = l.order_id AND t.product_id = l.product_id)
    ORDER BY l.line
    RETURNING order_id, product_id
)
INSERT INTO touched_lines SELECT * FROM updated UNION ALL SELECT * FROM inserted"""

_STATUSES = """
UPDATE data.purchase_orders o
SET status = t.status, ordered_on = coalesce(o.ordered_on, n.ordered_on), expected_on = t.expected_on,
    updated_at = now()
FROM (
    SELECT order_id, max(expected_on) AS expected_on,
           CASE WHEN bool_and(received_quantity >= quantity) THEN 'received'
                WHEN bool_or(received_quantity > 0) THEN 'partly_received' ELSE 'ordered' END AS status
    FROM data.purchase_order_lines WHERE order_id IN (SELECT order_id FROM touched_lines)
    GROUP BY order_id
) AS t
JOIN (SELECT order_id, min(ordered_on) AS ordered_on FROM latest_lines GROUP BY order_id) AS n USING (order_id)
WHERE o.id = t.order_id AND o.status <> 'cancelled'"""

_COUNTS = """
SELECT count(*) AS staged, count(DISTINCT (order_id, product_id, fingerprint)) AS distinct_rows,
       (SELECT count(*) FROM latest_lines) AS keys, (SELECT count(*) FROM touched_lines) AS touched,
       min(ordered_on) AS first, max(ordered_on) AS last
FROM staged_orders"""


async def begin(connection: Any) -> None:
    await connection.execute(_STAGE)


async def find_orders(connection: Any, numbers: Sequence[str]) -> dict[str, tuple[UUID, int]]:
    """Id and supplier of the orders known by these numbers."""
    rows = await connection.fetch(
        "SELECT number, id, supplier_id FROM data.purchase_orders WHERE number = ANY($1::text[])", numbers
    )
    return {row["number"]: (row["id"], row["supplier_id"]) for row in rows}


async def stage(connection: Any, rows: Sequence[OrderRow]) -> None:
    await connection.copy_records_to_table("staged_orders", records=rows, columns=OrderRow._fields)


async def apply(connection: Any, default_currency: str, created_by: str) -> Any:
    await connection.execute(_LATEST)
    await connection.execute("ANALYZE latest_lines")
    await connection.execute(_ORDERS, default_currency, created_by)
    await connection.execute(_TOUCHED)
    await connection.execute(_STATUSES)
    return await connection.fetchrow(_COUNTS)
