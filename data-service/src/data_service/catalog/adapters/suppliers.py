"""A suppliers file applied: staged by COPY, then one set-based upsert that leaves equal rows alone."""

from collections.abc import Sequence
from typing import Any

from data_service.catalog.domain import SupplierRow

_STAGE = """
CREATE TEMP TABLE staged_suppliers (
    line bigint, fingerprint bigint, code text, name text, lead_time_days float8, min_order_value float8,
    currency text, order_weekdays smallint[]
) ON COMMIT DROP"""

_LATEST = """
CREATE TEMP TABLE latest_suppliers ON COMMIT DROP AS
SELECT DISTINCT ON (code)
    code, name, ceil(lead_time_days)::int AS lead_time_days, round(min_order_value::numeric, 4) AS min_order_value,
    currency, order_weekdays
FROM staged_suppliers ORDER BY code, line DESC"""

_APPLY = """
WITH updated AS (
    UPDATE data.suppliers s
    SET name = coalesce(l.name, s.name), lead_time_days = coalesce(l.lead_time_days, s.lead_time_days),
        min_order_value = coalesce(l.min_order_value, s.min_order_value), currency = coalesce(l.currency, s.currency),
        order_weekdays = coalesce(l.order_weekdays, s.order_weekdays), is_declared = true, updated_at = now()
    FROM latest_suppliers l
    WHERE s.code = l.code
      AND (s.name, s.lead_time_days, s.min_order_value, s.currency, s.order_weekdays, s.is_declared) IS DISTINCT FROM
          (coalesce(l.name, s.name), coalesce(l.lead_time_days, s.lead_time_days),
           coalesce(l.min_order_value, s.min_order_value), coalesce(l.currency, s.currency),
           coalesce(l.order_weekdays, s.order_weekdays), true)
    RETURNING 1
), inserted AS (
    INSERT INTO data.suppliers
        (code, name, lead_time_days, min_order_value, currency, order_weekdays, is_declared)
    SELECT l.code, coalesce(l.name, l.code), l.lead_time_days, l.min_order_value, l.currency,
           coalesce(l.order_weekdays, '{}'), true
    FROM latest_suppliers l
    WHERE NOT EXISTS (SELECT FROM data.suppliers s WHERE s.code = l.code)
    ORDER BY l.code
    RETURNING 1
)
SELECT (SELECT count(*) FROM updated) + (SELECT count(*) FROM inserted)"""

_COUNTS = "SELECT count(*), count(DISTINCT (code, fingerprint)), count(DISTINCT code) FROM staged_suppliers"


async def begin(connection: Any) -> None:
    await connection.execute(_STAGE)


async def stage(connection: Any, rows: Sequence[SupplierRow]) -> None:
    await connection.copy_records_to_table("staged_suppliers", records=rows, columns=SupplierRow._fields)


async def apply(connection: Any) -> tuple[int, int, int, int]:
    """Rows staged, distinct rows, distinct suppliers, suppliers changed."""
    await connection.execute(_LATEST)
    touched = await connection.fetchval(_APPLY)
    staged, distinct_rows, suppliers = await connection.fetchrow(_COUNTS)
    return staged, distinct_rows, suppliers, touched
