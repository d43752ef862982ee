"""The schema `forecast`: its base, outbox and inbox, the keys of requests served, and which rows a caller may see."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import ColumnElement, DateTime, and_, text
from sqlalchemy.orm import DeclarativeBase

from shared.database.base import create_base
from shared.database.idempotency import create_idempotency_keys
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox
from shared.web.identity import AccessScope


class Base(DeclarativeBase):
    """Declared as a class, since a class made by a function cannot be a base for the type checker."""

    metadata = create_base("forecast").metadata
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


outbox = create_outbox(Base.metadata)
inbox = create_inbox(Base.metadata)
idempotency_keys = create_idempotency_keys(Base.metadata)

# Only a plan knows the category and the supplier of an article: for everything else the current plan says it.
_PLANNED = """EXISTS (
    SELECT FROM forecast.recommendations planned
    WHERE planned.plan_id = (SELECT id FROM forecast.plans ORDER BY id DESC LIMIT 1)
      AND planned.sku = {table}.sku AND planned.warehouse = {table}.warehouse AND {limits})"""


def in_scope(scope: AccessScope, table: str) -> ColumnElement[bool]:
    """Holds for the rows in the scope; `table` is the full name of one with the columns `sku` and `warehouse`."""
    limits = {
        "category": ("scope_categories", scope.categories),
        "supplier": ("scope_suppliers", scope.suppliers),
    }
    given = {name: sorted(codes) for name, codes in limits.values() if codes is not None}
    conditions = [f"planned.{column} = ANY(:{name})" for column, (name, _) in limits.items() if name in given]
    sql = [_PLANNED.format(table=table, limits=" AND ".join(conditions))] if conditions else []
    if scope.warehouses is not None:
        sql.append(f"{table}.warehouse = ANY(:scope_warehouses)")
        given["scope_warehouses"] = sorted(scope.warehouses)
    return and_(text(" AND ".join(sql) or "true").bindparams(**given))
