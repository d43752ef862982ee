"""Routes of accuracy."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from forecast_service.accuracy.schemas import ArticleAccuracyResponse
from forecast_service.accuracy.service import AccuracyService
from forecast_service.dependencies import ServiceResources, cursor_text, cursor_values
from shared.web.identity import CallerScope
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1/accuracy", tags=["accuracy"])


async def get_accuracy_service(resources: ServiceResources, scope: CallerScope) -> AccuracyService:
    return AccuracyService(resources.database, scope)


Accuracy = Annotated[AccuracyService, Depends(get_accuracy_service)]


@router.get("", summary="Accuracy per article and warehouse on held-out days")
async def list_accuracy(
    accuracy: Accuracy,
    page: PageParameters,
    run_id: Annotated[UUID | None, Query(description="Default: the latest scored run.")] = None,
    sku: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00-\x1f]+$")] = None,
) -> Page[ArticleAccuracyResponse]:
    after = cursor_values(page, cursor_text, cursor_text)
    rows = await accuracy.list_articles(
        run_id, sku=sku, limit=page.limit + 1, after=(after[0], after[1]) if after else None
    )
    items = [ArticleAccuracyResponse.model_validate(row) for row in rows[: page.limit]]
    more = len(rows) > page.limit
    return Page(items=items, next_cursor=encode_cursor(items[-1].sku, items[-1].warehouse) if more else None)
