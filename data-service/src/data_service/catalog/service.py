"""Use cases of the catalogue, and its part in an import."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_service.catalog.adapters import products, references, suppliers
from data_service.catalog.domain import (
    Applied,
    NewProduct,
    ProductRow,
    SupplierRow,
    UnknownCodes,
    ids_of,
    used_codes,
)
from data_service.catalog.errors import (
    ProductNotFoundError,
    SupplierNotFoundError,
    UnknownSupplierError,
    UnknownWarehouseError,
)
from data_service.catalog.repository import CatalogRepository
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import FieldError
from shared.events.data import NAMED_ARTICLES_LIMIT, ProductChangedV1
from shared.web.identity import UNLIMITED, AccessScope, OutsideScopeError

_SUBJECT = "catalogue"


class CatalogService:
    """What lies outside `scope` is not there for the caller."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._database = database
        self._scope = scope

    async def list_products(
        self, *, limit: int, after: str | None, category: str | None, supplier: str | None, sku_prefix: str | None
    ) -> Sequence[Any]:
        async with self._database.unit_of_work() as work:
            return await CatalogRepository(work.session, self._scope).list_products(
                limit=limit, after=after, category=category, supplier=supplier, sku_prefix=sku_prefix
            )

    async def get_product(self, sku: str) -> Any:
        async with self._database.unit_of_work() as work:
            return await _product(work, self._scope, sku)

    async def create_product(self, product: NewProduct) -> Any:
        """Raises: OutsideScopeError, SkuTakenError, UnknownSupplierError."""
        scope = self._scope
        if not (scope.allows_category(product.category) and scope.allows_supplier(product.terms.supplier)):
            raise OutsideScopeError(
                "The article's category or supplier lies outside what you are responsible for. "
                "Name one of yours, or ask an administrator to widen your access."
            )
        async with self._database.unit_of_work() as work:
            await CatalogRepository(work.session, self._scope).add_product(product)
            await publish_changes(work, ["products"], [product.sku])
            created = await _product(work, self._scope, product.sku)
            await work.commit()
        return created

    async def list_suppliers(self, *, limit: int, after: str | None) -> Sequence[Any]:
        async with self._database.unit_of_work() as work:
            return await CatalogRepository(work.session, self._scope).list_suppliers(limit=limit, after=after)

    async def get_supplier(self, code: str) -> Any:
        async with self._database.unit_of_work() as work:
            found = await CatalogRepository(work.session, self._scope).find_supplier(code)
        if found is None:
            raise SupplierNotFoundError(f"There is no supplier {code!r}.")
        return found

    async def list_warehouses(self, *, limit: int, after: str | None) -> Sequence[Any]:
        async with self._database.unit_of_work() as work:
            return await CatalogRepository(work.session, self._scope).list_warehouses(limit=limit, after=after)


async def _product(work: UnitOfWork, scope: AccessScope, sku: str) -> Any:
    found = await CatalogRepository(work.session, scope).find_product(sku)
    if found is None:
        raise ProductNotFoundError(f"There is no article {sku!r}.")
    return found


class PurchaseTerms:
    """What purchasing asks of the catalogue, inside its own unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._repository = CatalogRepository(work.session, UNLIMITED)

    async def supplier(self, code: str) -> Any:
        """Raises: UnknownSupplierError."""
        found = await self._repository.find_supplier(code)
        if found is None:
            raise UnknownSupplierError(
                f"There is no supplier {code!r}. Name an existing one.",
                errors=[FieldError("unknown supplier", pointer="/supplier")],
            )
        return found

    async def warehouse_id(self, code: str) -> int:
        """Raises: UnknownWarehouseError."""
        found = await self._repository.find_warehouse(code)
        if found is None:
            raise UnknownWarehouseError(
                f"There is no warehouse {code!r}. Name an existing one.",
                errors=[FieldError("unknown warehouse", pointer="/warehouse")],
            )
        return found.id

    async def articles(self, skus: Sequence[str], supplier_id: int) -> dict[str, tuple[int, Decimal | None]]:
        """Id and unit cost by article code; unknown articles are missing from the answer."""
        rows = await self._repository.find_purchase_terms(skus, supplier_id)
        return {row["sku"]: (row["id"], row["preferred_cost"] if row["cost"] is None else row["cost"]) for row in rows}

    async def skus_outside(self, skus: Sequence[str], categories: frozenset[str]) -> Sequence[str]:
        """Known articles among these that have none of the categories."""
        return await self._repository.list_skus_outside(skus, categories)


class CatalogReferences:
    """Codes to ids for one import, inside its transaction; remembers what it looked up."""

    def __init__(self, work: UnitOfWork, policy: UnknownCodes, default_warehouse: str) -> None:
        self._work = work
        self._policy = policy
        self._default_warehouse = default_warehouse
        self._known: dict[references.Table, dict[str, int]] = {"products": {}, "suppliers": {}, "warehouses": {}}
        self._creates: dict[references.Table, bool] = {"warehouses": True}
        self._new: dict[references.Table, list[str]] = {}
        self.created: Counter[str] = Counter()

    async def product_ids(self, codes: pa.DictionaryArray) -> NDArray[np.int32]:
        """0 where the article is unknown and must not be created."""
        return await self._ids("products", "article_created", codes)

    async def supplier_ids(self, codes: pa.DictionaryArray) -> NDArray[np.int32]:
        """0 where the supplier is unknown and must not be created, or the code is empty."""
        return await self._ids("suppliers", "supplier_created", codes)

    async def warehouse_ids(self, codes: pa.DictionaryArray | None, count: int) -> NDArray[np.int32]:
        """Ids for `count` rows; the default warehouse where none is named. Warehouses are always created."""
        default = await self._default_warehouse_id() if codes is None or "" in codes.dictionary.to_pylist() else 0
        if codes is None:
            return np.full(count, default, dtype=np.int32)
        ids = await self._ids("warehouses", "warehouse_created", codes)
        return np.where(ids == 0, np.int32(default), ids)

    async def _default_warehouse_id(self) -> int:
        await self._learn("warehouses", "warehouse_created", [self._default_warehouse])
        return self._known["warehouses"][self._default_warehouse]

    async def _ids(self, table: references.Table, rule: str, codes: pa.DictionaryArray) -> NDArray[np.int32]:
        await self._learn(table, rule, used_codes(codes))
        return ids_of(codes, self._known[table])

    async def _learn(self, table: references.Table, rule: str, codes: Sequence[str]) -> None:
        known = self._known[table]
        connection = await self._work.driver()
        if missing := [code for code in codes if code not in known]:
            known.update(await references.find_ids(connection, table, missing))
        unknown = [code for code in missing if code not in known]
        if unknown and await self._may_create(table):
            known.update(await references.create_ids(connection, table, unknown))
            self._new.setdefault(table, []).extend(unknown)
            self.created[rule] += len(unknown)

    async def _may_create(self, table: references.Table) -> bool:
        """Decided once per import, before it declares anything itself."""
        if table not in self._creates and table != "warehouses":
            is_declared = await references.is_any_declared(await self._work.driver(), table)
            self._creates[table] = self._policy is UnknownCodes.CREATE or (
                self._policy is UnknownCodes.AUTO and not is_declared
            )
        return self._creates[table]

    async def publish_created(self) -> None:
        """Once, when the file is applied."""
        await publish_changes(self._work, list(self._new), self._new.get("products", ()))


async def publish_changes(work: UnitOfWork, parts: Sequence[str], skus: Sequence[str] = ()) -> None:
    """Nothing when there are no `parts`; articles are named as long as they are few."""
    if parts:
        is_short = len(skus) <= NAMED_ARTICLES_LIMIT
        event = ProductChangedV1(parts=sorted(parts), skus=sorted(skus) if is_short else [], every_article=not is_short)
        await work.publish(event, subject=_SUBJECT)


class ProductIntake:
    """Rows of one products file, inside the transaction of its import."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def begin(self) -> None:
        await products.begin(await self._work.driver())

    async def stage(self, rows: Sequence[ProductRow]) -> None:
        await products.stage(await self._work.driver(), rows)

    async def apply(self) -> Applied:
        connection = await self._work.driver()
        counts = await products.apply(connection)
        if skus := await products.touched(connection, NAMED_ARTICLES_LIMIT + 1):
            await publish_changes(self._work, ["products"], skus)
        return _applied(*counts)


class SupplierIntake:
    """Rows of one suppliers file, inside the transaction of its import."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def begin(self) -> None:
        await suppliers.begin(await self._work.driver())

    async def stage(self, rows: Sequence[SupplierRow]) -> None:
        await suppliers.stage(await self._work.driver(), rows)

    async def apply(self) -> Applied:
        applied = _applied(*await suppliers.apply(await self._work.driver()))
        if applied.applied:
            await publish_changes(self._work, ["suppliers"])
        return applied


def _applied(staged: int, distinct_rows: int, keys: int, touched: int) -> Applied:
    rules = Counter(exact_duplicate=staged - distinct_rows, superseded_in_file=distinct_rows - keys)
    return Applied(applied=touched, unchanged=keys - touched, cleaned=staged - keys, rules=+rules)
