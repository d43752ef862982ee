"""A products file applied: staged by COPY, then one set-based upsert that leaves equal rows alone."""

from collections.abc import Sequence
from typing import Any

from data_service.catalog.domain import ProductRow

_STAGE = """
CREATE TEMP TABLE staged_products (
    line bigint, fingerprint bigint, sku text, name text, category text, supplier_id int, unit text,
    pack_size float8, moq float8, cost float8, price float8, currency text, lead_time_days float8
) ON COMMIT DROP"""

# The last row of an article wins; numbers get the precision they are stored with, so that equal means equal.
_LATEST = """
CREATE TEMP TABLE latest_products ON COMMIT DROP AS
SELECT DISTINCT ON (sku)
    sku, name, category, supplier_id, unit, nullif(round(pack_size::numeric, 3), 0) AS pack_size,
    round(moq::numeric, 3) AS moq, round(cost::numeric, 4) AS cost, round(price::numeric, 4) AS price, currency,
    ceil(lead_time_days)::int AS lead_time_days
FROM staged_products ORDER BY sku, line DESC"""

_TOUCHED = "CREATE TEMP TABLE touched_products (sku text) ON COMMIT DROP"

_PRODUCTS = """
WITH updated AS (
    UPDATE data.products p
    SET name = coalesce(l.name, p.name), category = coalesce(l.category, p.category),
        unit = coalesce(l.unit, p.unit), price = coalesce(l.price, p.price), is_declared = true, updated_at = now()
    FROM latest_products l
    WHERE p.sku = l.sku
      AND (p.name, p.category, p.unit, p.price, p.is_declared) IS DISTINCT FROM
          (coalesce(l.name, p.name), coalesce(l.category, p.category), coalesce(l.unit, p.unit),
           coalesce(l.price, p.price), true)
    RETURNING p.sku
), inserted AS (
    INSERT INTO data.products (sku, name, category, unit, price, is_declared)
    SELECT l.sku, coalesce(l.name, l.sku), l.category, coalesce(l.unit, 'pcs'), l.price, true
    FROM latest_products l
    WHERE NOT EXISTS (SELECT FROM data.products p WHERE p.sku = l.sku)
    ORDER BY l.sku
    RETURNING sku
)
INSERT INTO touched_products SELECT sku FROM updated UNION ALL SELECT sku FROM inserted"""

# Terms noted while nobody knew the supplier become that supplier's once it is named.
_ADOPT = """
WITH adopted AS (
    UPDATE data.supplier_terms t SET supplier_id = l.supplier_id, updated_at = now()
    FROM latest_products l JOIN data.products p ON p.sku = l.sku
    WHERE t.product_id = p.id AND t.supplier_id IS NULL AND l.supplier_id IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM data.supplier_terms o WHERE o.product_id = p.id AND o.supplier_id = l.supplier_id)
    RETURNING l.sku
)
INSERT INTO touched_products SELECT sku FROM adopted"""

_WANTED = """
CREATE TEMP TABLE wanted_terms ON COMMIT DROP AS
SELECT l.sku, p.id AS product_id, coalesce(l.supplier_id, t.supplier_id) AS supplier_id,
       l.pack_size, l.moq, l.cost, l.currency, l.lead_time_days
FROM latest_products l
JOIN data.products p ON p.sku = l.sku
LEFT JOIN data.supplier_terms t ON t.product_id = p.id AND t.is_preferred
WHERE num_nonnulls(l.supplier_id, l.pack_size, l.moq, l.cost, l.currency, l.lead_time_days) > 0"""

_DEMOTE = """
WITH demoted AS (
    UPDATE data.supplier_terms t SET is_preferred = false, updated_at = now()
    FROM wanted_terms w
    WHERE t.product_id = w.product_id AND t.is_preferred AND t.supplier_id IS DISTINCT FROM w.supplier_id
    RETURNING w.sku
)
INSERT INTO touched_products SELECT sku FROM demoted"""

_TERMS = """
WITH updated AS (
    UPDATE data.supplier_terms t
    SET is_preferred = true, pack_size = coalesce(w.pack_size, t.pack_size), moq = coalesce(w.moq, t.moq),
        cost = coalesce(w.cost, t.cost), currency = coalesce(w.currency, t.currency),
        lead_time_days = coalesce(w.lead_time_days, t.lead_time_days), updated_at = now()
    FROM wanted_terms w
    WHERE t.product_id = w.product_id AND t.supplier_id IS NOT DISTINCT FROM w.supplier_id
      AND (t.is_preferred, t.pack_size, t.moq, t.cost, t.currency, t.lead_time_days) IS DISTINCT FROM
          (true, coalesce(w.pack_size, t.pack_size), coalesce(w.moq, t.moq), coalesce(w.cost, t.cost),
           coalesce(w.currency, t.currency), coalesce(w.lead_time_days, t.lead_time_days))
    RETURNING w.sku
), inserted AS (
    INSERT INTO data.supplier_terms
        (product_id, supplier_id, is_preferred, pack_size, moq, cost, currency, lead_time_days)
    SELECT w.product_id, w.supplier_id, true, w.pack_size, w.moq, w.cost, w.currency, w.lead_time_days
    FROM wanted_terms w
    WHERE NOT EXISTS (
        SELECT FROM data.supplier_terms t
        WHERE t.product_id = w.product_id AND t.supplier_id IS NOT DISTINCT FROM w.supplier_id)
    RETURNING product_id
)
INSERT INTO touched_products
SELECT sku FROM updated UNION ALL SELECT p.sku FROM inserted i JOIN wanted_terms p USING (product_id)"""

_COUNTS = """
SELECT count(*), count(DISTINCT (sku, fingerprint)), count(DISTINCT sku),
       (SELECT count(DISTINCT sku) FROM touched_products)
FROM staged_products"""


async def begin(connection: Any) -> None:
    await connection.execute(_STAGE)


async def stage(connection: Any, rows: Sequence[ProductRow]) -> None:
    await connection.copy_records_to_table("staged_products", records=rows, columns=ProductRow._fields)


async def apply(connection: Any) -> tuple[int, int, int, int]:
    """Rows staged, distinct rows, distinct articles, articles changed."""
    for statement in (_LATEST, _TOUCHED, _PRODUCTS, _ADOPT, _WANTED, _DEMOTE, _TERMS):
        await connection.execute(statement)
    staged, distinct_rows, articles, touched = await connection.fetchrow(_COUNTS)
    return staged, distinct_rows, articles, touched


async def touched(connection: Any, limit: int) -> Sequence[str]:
    """Codes of articles that `apply` created or changed, no more than `limit`."""
    rows = await connection.fetch("SELECT DISTINCT sku FROM touched_products LIMIT $1", limit)
    return [row["sku"] for row in rows]
