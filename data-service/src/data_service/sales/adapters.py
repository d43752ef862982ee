"""A sales file applied. New days go straight into the table; others are staged, summed and compared first."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from typing import Any

import asyncpg
import numpy as np

from data_service.sales.domain import STAGED_COLUMNS, STORED_COLUMNS, SalesColumns, copy_pieces
from data_service.sales.errors import RowsCollideError

_STAGE = """
CREATE TEMP TABLE staged_sales (
    product_id int, warehouse_id int, date date, quantity float8, price float8, fingerprint bigint
) ON COMMIT DROP"""

# One sort serves both: rows equal to the byte collapse, then the rest of a day are summed. Sums are rounded, so that
# their last bit does not depend on the order of the file; a single row keeps its number as it was read.
_SUMMED = """
CREATE TEMP TABLE summed_sales ON COMMIT DROP AS
SELECT n.product_id, n.warehouse_id, n.date, n.quantity, n.price, n.row_count,
       s.quantity AS stored_quantity, s.price AS stored_price
FROM (
    SELECT product_id, warehouse_id, date, count(*) AS row_count,
           CASE WHEN count(*) = 1 THEN min(quantity) ELSE round(sum(quantity)::numeric, 6)::float8 END AS quantity,
           CASE WHEN min(price) = max(price) THEN min(price)
                ELSE coalesce(
                    round((sum(quantity * price) FILTER (WHERE price IS NOT NULL AND quantity > 0)
                           / sum(quantity) FILTER (WHERE price IS NOT NULL AND quantity > 0))::numeric, 6)::float8,
                    max(price))
           END AS price
    FROM (
        SELECT DISTINCT ON (product_id, warehouse_id, date, fingerprint) *
        FROM staged_sales
        ORDER BY product_id, warehouse_id, date, fingerprint
    ) AS distinct_rows
    GROUP BY product_id, warehouse_id, date
) AS n
LEFT JOIN data.sales s
    ON s.product_id = n.product_id AND s.warehouse_id = n.warehouse_id AND s.date = n.date
   AND s.date BETWEEN '{first}' AND '{last}'"""

_DIFFERS = "(n.stored_quantity <> n.quantity OR n.stored_price IS DISTINCT FROM coalesce(n.price, n.stored_price))"

_UPDATE = f"""
UPDATE data.sales s SET quantity = n.quantity, price = coalesce(n.price, s.price)
FROM summed_sales n
WHERE s.product_id = n.product_id AND s.warehouse_id = n.warehouse_id AND s.date = n.date
  AND s.date BETWEEN $1 AND $2 AND {_DIFFERS}"""

_INSERT = """
INSERT INTO data.sales (product_id, warehouse_id, date, quantity, price)
SELECT product_id, warehouse_id, date, quantity, price FROM summed_sales WHERE stored_quantity IS NULL"""

_COUNTS = f"""
SELECT coalesce(sum(row_count) FILTER (WHERE stored_quantity IS NULL OR {_DIFFERS}), 0)::bigint AS applied,
       coalesce(sum(row_count), 0)::bigint AS kept,
       coalesce(sum(row_count) FILTER (WHERE row_count > 1), 0)::bigint AS summed,
       bool_or(stored_quantity IS NOT NULL AND {_DIFFERS}) AS has_changes
FROM summed_sales n"""

_ASSORTMENT = """
INSERT INTO data.assortment AS a (product_id, warehouse_id, first_sold_on, last_sold_on)
SELECT * FROM unnest($1::int[], $2::int[], $3::date[], $4::date[])
ON CONFLICT (product_id, warehouse_id) DO UPDATE
SET first_sold_on = least(a.first_sold_on, excluded.first_sold_on),
    last_sold_on = greatest(a.last_sold_on, excluded.last_sold_on)
WHERE (a.first_sold_on, a.last_sold_on) IS DISTINCT FROM
      (least(a.first_sold_on, excluded.first_sold_on), greatest(a.last_sold_on, excluded.last_sold_on))"""


async def begin_staging(connection: Any) -> None:
    await connection.execute(_STAGE)


async def stage(connection: Any, sales: SalesColumns) -> None:
    pieces = _pieces(sales, STAGED_COLUMNS)
    await connection.copy_to_table("staged_sales", source=pieces, columns=STAGED_COLUMNS, format="binary")


async def store(connection: Any, sales: SalesColumns) -> None:
    """Straight into the table, whose primary key vouches that no day comes twice. Raises: RowsCollideError."""
    pieces = _pieces(sales, STORED_COLUMNS)
    try:
        await connection.copy_to_table(
            "sales", schema_name="data", source=pieces, columns=STORED_COLUMNS, format="binary"
        )
    except asyncpg.UniqueViolationError as error:
        raise RowsCollideError from error


async def _pieces(sales: SalesColumns, columns: Sequence[str]) -> AsyncIterator[bytes]:
    for piece in copy_pieces(sales, columns):
        yield piece


async def ensure_partitions(connection: Any, months: Iterable[np.datetime64]) -> None:
    """Attached, not created in place: that takes no lock readers would wait for. Empty partitions do no harm."""
    existing = {
        row["name"]
        for row in await connection.fetch(
            "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'data.sales'::regclass"
        )
    }
    for month in sorted(months):
        name = f"sales_{str(month).replace('-', '_')}"
        if name not in existing:
            await connection.execute(f"CREATE TABLE data.{name} (LIKE data.sales INCLUDING ALL)")
            bounds = f"FROM ('{month}-01') TO ('{month + 1}-01')"
            await connection.execute(f"ALTER TABLE data.sales ATTACH PARTITION data.{name} FOR VALUES {bounds}")


async def apply_staged(connection: Any, first: date, last: date) -> Any:
    """Counts of staged rows: `kept` after exact duplicates, of these `applied`, and `summed` with others of a day."""
    await connection.execute("ANALYZE staged_sales")
    await connection.execute(_SUMMED.format(first=first, last=last))
    counts = await connection.fetchrow(_COUNTS)
    if counts["has_changes"]:
        await connection.execute(_UPDATE, first, last)
    await connection.execute(_INSERT)
    return counts


async def note_assortment(connection: Any, periods: Sequence[tuple[int, int, date, date]]) -> None:
    await connection.execute(_ASSORTMENT, *(list(column) for column in zip(*periods, strict=True)))
