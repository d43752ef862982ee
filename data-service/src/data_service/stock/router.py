"""Routes of stock."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from data_service.dependencies import ServiceResources, cursor_id, cursor_values
from data_service.stock.schemas import StockLevelResponse
from data_service.stock.service import StockService
from shared.web.identity import CallerScope
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1", tags=["stock"])
CodeFilter = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]+$")]


async def get_stock_service(resources: ServiceResources, scope: CallerScope) -> StockService:
    return StockService(resources.database, scope)


@router.get("/stock", summary="List stock levels per article and warehouse")
async def list_stock(
    stock: Annotated[StockService, Depends(get_stock_service)],
    page: PageParameters,
    sku: CodeFilter = None,
    warehouse: CodeFilter = None,
) -> Page[StockLevelResponse]:
    after = cursor_values(page, cursor_id, cursor_id)
    rows = await stock.list_levels(
        sku=sku, warehouse=warehouse, limit=page.limit + 1, after=(after[0], after[1]) if after else None
    )
    shown = rows[: page.limit]
    cursor = encode_cursor(shown[-1]["product_id"], shown[-1]["warehouse_id"]) if len(rows) > page.limit else None
    return Page(items=[StockLevelResponse.model_validate(dict(row)) for row in shown], next_cursor=cursor)
