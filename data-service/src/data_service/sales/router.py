"""Routes of sales."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from data_service.dependencies import ServiceResources, cursor_id, cursor_values
from data_service.sales.schemas import SaleResponse
from data_service.sales.service import SalesService
from shared.web.identity import CallerScope
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1", tags=["sales"])
CodeFilter = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]+$")]


async def get_sales_service(resources: ServiceResources, scope: CallerScope) -> SalesService:
    return SalesService(resources.database, scope)


@router.get("/sales", summary="List daily sales per article and warehouse")
async def list_sales(
    sales: Annotated[SalesService, Depends(get_sales_service)],
    page: PageParameters,
    sku: CodeFilter = None,
    warehouse: CodeFilter = None,
    start: Annotated[date | None, Query(description="First day.")] = None,
    end: Annotated[date | None, Query(description="Day after the last one.")] = None,
) -> Page[SaleResponse]:
    after = cursor_values(page, cursor_id, cursor_id, date.fromisoformat)
    rows = await sales.list_sales(sku=sku, warehouse=warehouse, start=start, end=end, limit=page.limit + 1, after=after)
    shown = rows[: page.limit]
    cursor = None
    if len(rows) > page.limit:
        last = shown[-1]
        cursor = encode_cursor(last["product_id"], last["warehouse_id"], last["date"])
    return Page(items=[SaleResponse.model_validate(dict(row)) for row in shown], next_cursor=cursor)
