"""A stock file applied: every count kept, the newest one of an article becomes its level."""

from collections.abc import Sequence
from typing import Any

from data_service.stock.domain import StockRow

_STAGE = """
CREATE TEMP TABLE staged_stock (
    line bigint, fingerprint bigint, product_id int, warehouse_id int, date date, on_hand float8, reserved float8
) ON COMMIT DROP"""

_LATEST = """
CREATE TEMP TABLE latest_stock ON COMMIT DROP AS
SELECT DISTINCT ON (product_id, warehouse_id, date) product_id, warehouse_id, date, on_hand, reserved
FROM staged_stock ORDER BY product_id, warehouse_id, date, line DESC"""

_SNAPSHOTS = """
CREATE TEMP TABLE changed_stock (product_id int, warehouse_id int, date date, on_hand float8, reserved float8)
ON COMMIT DROP;
WITH stored AS (
    INSERT INTO data.stock_snapshots AS s (product_id, warehouse_id, date, on_hand, reserved)
    SELECT product_id, warehouse_id, date, on_hand, reserved FROM latest_stock
    ORDER BY product_id, warehouse_id, date
    ON CONFLICT (product_id, warehouse_id, date) DO UPDATE
    SET on_hand = excluded.on_hand, reserved = excluded.reserved
    WHERE (s.on_hand, s.reserved) IS DISTINCT FROM (excluded.on_hand, excluded.reserved)
    RETURNING s.product_id, s.warehouse_id, s.date, s.on_hand, s.reserved
)
INSERT INTO changed_stock SELECT * FROM stored"""

# A count older than the level's own is history only; a count seen before does not undo the receipts since.
_LEVELS = """
WITH moved AS (
    INSERT INTO data.stock_levels AS l (product_id, warehouse_id, on_hand, reserved, counted_on)
    SELECT DISTINCT ON (product_id, warehouse_id) product_id, warehouse_id, on_hand, reserved, date
    FROM changed_stock ORDER BY product_id, warehouse_id, date DESC
    ON CONFLICT (product_id, warehouse_id) DO UPDATE
    SET on_hand = excluded.on_hand, reserved = excluded.reserved, counted_on = excluded.counted_on, updated_at = now()
    WHERE excluded.counted_on >= l.counted_on
    RETURNING l.product_id, l.warehouse_id, l.on_hand, l.reserved
)
SELECT p.sku, w.code AS warehouse, m.on_hand, m.reserved
FROM moved m JOIN data.products p ON p.id = m.product_id JOIN data.warehouses w ON w.id = m.warehouse_id
ORDER BY p.sku, w.code"""

_COUNTS = """
SELECT count(*) AS staged, count(DISTINCT (product_id, warehouse_id, date, fingerprint)) AS distinct_rows,
       (SELECT count(*) FROM latest_stock) AS keys, (SELECT count(*) FROM changed_stock) AS changed,
       (SELECT count(*) FROM latest_stock WHERE on_hand < 0) AS negative, min(date) AS first, max(date) AS last
FROM staged_stock"""


async def begin(connection: Any) -> None:
    await connection.execute(_STAGE)


async def stage(connection: Any, rows: Sequence[StockRow]) -> None:
    await connection.copy_records_to_table("staged_stock", records=rows, columns=StockRow._fields)


async def apply(connection: Any) -> tuple[Any, Sequence[Any]]:
    """The counts of rows, and the levels which changed: sku, warehouse, on_hand, reserved."""
    await connection.execute(_LATEST)
    await connection.execute(_SNAPSHOTS)
    levels = await connection.fetch(_LEVELS)
    return await connection.fetchrow(_COUNTS), levels
