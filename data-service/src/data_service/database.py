"""The schema `data`: its base, its outbox and inbox, the keys of requests served, and which rows a caller may see."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase

from shared.database.base import create_base
from shared.database.idempotency import create_idempotency_keys
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox
from shared.web.identity import AccessScope


class Base(DeclarativeBase):
    """Declared as a class, since a class made by a function cannot be a base for the type checker."""

    metadata = create_base("data").metadata
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


outbox = create_outbox(Base.metadata)
inbox = create_inbox(Base.metadata)
idempotency_keys = create_idempotency_keys(Base.metadata)

_ARTICLES_OF_SUPPLIERS = """
SELECT terms.product_id
FROM data.supplier_terms terms JOIN data.suppliers supplier ON supplier.id = terms.supplier_id
WHERE terms.is_preferred AND supplier.code = ANY(:scope_suppliers)"""


@dataclass(frozen=True)
class Condition:
    """SQL that holds for the rows in a scope; `values` are its named parameters."""

    sql: str = "true"
    values: dict[str, list[str]] = field(default_factory=dict)

    def numbered(self) -> tuple[str, list[list[str]]]:
        """For the driver, which knows parameters by number."""
        sql = self.sql
        for number, name in enumerate(self.values, start=1):
            sql = sql.replace(f":{name}", f"${number}::text[]")
        return sql, list(self.values.values())


def in_scope(
    scope: AccessScope, *, article: str | None = None, supplier: str | None = None, warehouse: str | None = None
) -> Condition:
    """`article` is the alias of `data.products` in the query; `supplier` and `warehouse` are expressions of codes.

    An article belongs to its category and to its preferred supplier; what has none belongs to no limited scope.
    """
    conditions: list[str] = []
    if article is not None and scope.categories is not None:
        conditions.append(f"{article}.category = ANY(:scope_categories)")
    if article is not None and scope.suppliers is not None:
        conditions.append(f"{article}.id IN ({_ARTICLES_OF_SUPPLIERS})")
    if supplier is not None and scope.suppliers is not None:
        conditions.append(f"{supplier} = ANY(:scope_suppliers)")
    if warehouse is not None and scope.warehouses is not None:
        conditions.append(f"{warehouse} = ANY(:scope_warehouses)")
    return condition(" AND ".join(conditions) or "true", scope)


def condition(sql: str, scope: AccessScope) -> Condition:
    """With the values of whichever of `:scope_categories`, `:scope_suppliers`, `:scope_warehouses` the SQL names."""
    members = {
        "scope_categories": scope.categories,
        "scope_suppliers": scope.suppliers,
        "scope_warehouses": scope.warehouses,
    }
    return Condition(sql, {name: sorted(codes or ()) for name, codes in members.items() if f":{name}" in sql})
