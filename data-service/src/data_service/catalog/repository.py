"""Queries of the catalogue."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, Select, TextClause, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from data_service.catalog.domain import NewProduct
from data_service.catalog.errors import SkuTakenError, UnknownSupplierError
from data_service.catalog.models import Product, Supplier, SupplierTerms, Warehouse
from data_service.database import Condition, in_scope
from shared.errors import FieldError
from shared.web.identity import AccessScope


class CatalogRepository:
    """Reads are limited to `scope`."""

    def __init__(self, session: AsyncSession, scope: AccessScope) -> None:
        self._session = session
        self._scope = scope

    async def list_products(
        self, *, limit: int, after: str | None, category: str | None, supplier: str | None, sku_prefix: str | None
    ) -> Sequence[RowMapping]:
        query = self._products().order_by(Product.sku).limit(limit)
        if after is not None:
            query = query.where(Product.sku > after)
        if category is not None:
            query = query.where(Product.category == category)
        if supplier is not None:
            query = query.where(Supplier.code == supplier)
        if sku_prefix is not None:
            query = query.where(Product.sku.startswith(sku_prefix, autoescape=True))
        rows: Sequence[RowMapping] = (await self._session.execute(query)).mappings().all()
        return rows

    async def find_product(self, sku: str) -> RowMapping | None:
        found: RowMapping | None = (
            (await self._session.execute(self._products().where(Product.sku == sku))).mappings().one_or_none()
        )
        return found

    def _products(self) -> Select[Any]:
        return _products().where(_clause(in_scope(self._scope, article="data.products")))

    async def add_product(self, product: NewProduct) -> None:
        """Raises: SkuTakenError, UnknownSupplierError."""
        supplier_id = await self._supplier_id(product.terms.supplier)
        row = Product(
            sku=product.sku,
            name=product.name,
            category=product.category,
            unit=product.unit,
            price=product.price,
            life_cycle=product.life_cycle,
            is_declared=True,
        )
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise SkuTakenError(f"An article with the code {product.sku!r} exists already.") from error
        terms = product.terms
        if terms.supplier is not None or _says_something(terms.pack_size, terms.moq, terms.cost, terms.lead_time_days):
            self._session.add(
                SupplierTerms(
                    product_id=row.id,
                    supplier_id=supplier_id,
                    is_preferred=True,
                    pack_size=terms.pack_size,
                    moq=terms.moq,
                    cost=terms.cost,
                    currency=terms.currency,
                    lead_time_days=terms.lead_time_days,
                )
            )
            await self._session.flush()

    async def _supplier_id(self, code: str | None) -> int | None:
        if code is None:
            return None
        found = (await self._session.execute(select(Supplier.id).where(Supplier.code == code))).scalar_one_or_none()
        if found is None:
            raise UnknownSupplierError(
                f"There is no supplier {code!r}. Import it first, or name an existing one.",
                errors=[FieldError("unknown supplier", pointer="/supplier")],
            )
        return found

    async def list_suppliers(self, *, limit: int, after: str | None) -> Sequence[Supplier]:
        query = self._suppliers().order_by(Supplier.code).limit(limit)
        if after is not None:
            query = query.where(Supplier.code > after)
        return (await self._session.execute(query)).scalars().all()

    async def find_supplier(self, code: str) -> Supplier | None:
        return (await self._session.execute(self._suppliers().where(Supplier.code == code))).scalar_one_or_none()

    def _suppliers(self) -> Select[Supplier]:
        return select(Supplier).where(_clause(in_scope(self._scope, supplier="data.suppliers.code")))

    async def list_warehouses(self, *, limit: int, after: str | None) -> Sequence[Warehouse]:
        query = self._warehouses().order_by(Warehouse.code).limit(limit)
        if after is not None:
            query = query.where(Warehouse.code > after)
        return (await self._session.execute(query)).scalars().all()

    async def find_warehouse(self, code: str) -> Warehouse | None:
        return (await self._session.execute(self._warehouses().where(Warehouse.code == code))).scalar_one_or_none()

    def _warehouses(self) -> Select[Warehouse]:
        return select(Warehouse).where(_clause(in_scope(self._scope, warehouse="data.warehouses.code")))

    async def list_skus_outside(self, skus: Sequence[str], categories: Collection[str]) -> Sequence[str]:
        """Those of the known articles that have none of the categories."""
        outside = or_(Product.category.is_(None), Product.category.not_in(categories))
        query = select(Product.sku).where(Product.sku.in_(skus), outside).order_by(Product.sku)
        return (await self._session.execute(query)).scalars().all()

    async def find_purchase_terms(self, skus: Sequence[str], supplier_id: int) -> Sequence[RowMapping]:
        """Ids of the articles and what this supplier (else the preferred one) asks for them."""
        own, preferred = SupplierTerms.__table__.alias("own"), SupplierTerms.__table__.alias("preferred")
        query = (
            select(Product.id, Product.sku, own.c.cost, preferred.c.cost.label("preferred_cost"))
            .outerjoin(own, (own.c.product_id == Product.id) & (own.c.supplier_id == supplier_id))
            .outerjoin(preferred, (preferred.c.product_id == Product.id) & preferred.c.is_preferred)
            .where(Product.sku.in_(skus))
        )
        rows: Sequence[RowMapping] = (await self._session.execute(query)).mappings().all()
        return rows


def _says_something(*values: Decimal | int | None) -> bool:
    return any(value is not None for value in values)


def _clause(condition: Condition) -> TextClause:
    return text(condition.sql).bindparams(**condition.values)


def _products() -> Select[Any]:
    return (
        select(
            *Product.__table__.c,
            Supplier.code.label("supplier"),
            SupplierTerms.pack_size,
            SupplierTerms.moq,
            SupplierTerms.cost,
            SupplierTerms.currency,
            SupplierTerms.lead_time_days,
        )
        .outerjoin(SupplierTerms, (SupplierTerms.product_id == Product.id) & SupplierTerms.is_preferred)
        .outerjoin(Supplier, Supplier.id == SupplierTerms.supplier_id)
    )
