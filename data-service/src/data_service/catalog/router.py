"""Routes of the catalogue."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Response

from data_service.catalog.schemas import ProductRequest, ProductResponse, SupplierResponse, WarehouseResponse
from data_service.catalog.service import CatalogService
from data_service.dependencies import ServiceResources, cursor_text, cursor_values
from shared.web.identity import CallerIdentity, CallerScope
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1", tags=["catalog"])

_EDITORS = ("admin", "manager", "buyer", "service")
CodeInPath = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
CodeFilter = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]+$")]


async def get_catalog_service(resources: ServiceResources, scope: CallerScope) -> CatalogService:
    return CatalogService(resources.database, scope)


Catalog = Annotated[CatalogService, Depends(get_catalog_service)]


@router.get("/products", summary="List articles by code")
async def list_products(
    catalog: Catalog,
    page: PageParameters,
    category: Annotated[str | None, Query(max_length=500, pattern=r"^[^\x00]+$")] = None,
    supplier: CodeFilter = None,
    sku_prefix: CodeFilter = None,
) -> Page[ProductResponse]:
    after = cursor_values(page, cursor_text)
    rows = await catalog.list_products(
        limit=page.limit + 1,
        after=after[0] if after else None,
        category=category,
        supplier=supplier,
        sku_prefix=sku_prefix,
    )
    items = [ProductResponse.model_validate(dict(row)) for row in rows[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].sku) if len(rows) > page.limit else None)


@router.post("/products", status_code=201, summary="Create an article")
async def create_product(
    catalog: Catalog, identity: CallerIdentity, body: ProductRequest, response: Response
) -> ProductResponse:
    identity.require_role(*_EDITORS)
    created = ProductResponse.model_validate(dict(await catalog.create_product(body.to_domain())))
    response.headers["Location"] = f"/v1/products/{quote(created.sku, safe='')}"
    return created


@router.get("/products/{sku:path}", summary="One article")
async def get_product(catalog: Catalog, sku: CodeInPath) -> ProductResponse:
    return ProductResponse.model_validate(dict(await catalog.get_product(sku)))


@router.get("/suppliers", summary="List suppliers by code")
async def list_suppliers(catalog: Catalog, page: PageParameters) -> Page[SupplierResponse]:
    after = cursor_values(page, cursor_text)
    rows = await catalog.list_suppliers(limit=page.limit + 1, after=after[0] if after else None)
    items = [SupplierResponse.model_validate(row) for row in rows[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].code) if len(rows) > page.limit else None)


@router.get("/suppliers/{code:path}", summary="One supplier")
async def get_supplier(catalog: Catalog, code: CodeInPath) -> SupplierResponse:
    return SupplierResponse.model_validate(await catalog.get_supplier(code))


@router.get("/warehouses", summary="List warehouses by code")
async def list_warehouses(catalog: Catalog, page: PageParameters) -> Page[WarehouseResponse]:
    after = cursor_values(page, cursor_text)
    rows = await catalog.list_warehouses(limit=page.limit + 1, after=after[0] if after else None)
    items = [WarehouseResponse.model_validate(row) for row in rows[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].code) if len(rows) > page.limit else None)
