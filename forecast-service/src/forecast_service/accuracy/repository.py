"""Queries of accuracy."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from forecast_service.accuracy.models import ArticleAccuracy
from forecast_service.database import in_scope
from shared.web.identity import AccessScope

COLUMNS = (
    "run_id",
    "sku",
    "warehouse",
    "actual",
    "forecast",
    "absolute_error",
    "rmsse",
    "naive_forecast",
    "naive_absolute_error",
    "naive_rmsse",
)


class AccuracyRepository:
    """Articles outside `scope` are not listed."""

    def __init__(self, session: AsyncSession, scope: AccessScope) -> None:
        self._session = session
        self._scope = scope

    async def latest_run(self) -> UUID | None:
        """Run ids grow with time."""
        query = select(ArticleAccuracy.run_id).order_by(ArticleAccuracy.run_id.desc()).limit(1)
        return (await self._session.execute(query)).scalar_one_or_none()

    async def list_articles(
        self, run_id: UUID, *, sku: str | None, limit: int, after: tuple[str, str] | None
    ) -> Sequence[ArticleAccuracy]:
        """Ordered by article and warehouse."""
        visible = in_scope(self._scope, "forecast.article_accuracy")
        query = select(ArticleAccuracy).where(ArticleAccuracy.run_id == run_id, visible)
        if sku is not None:
            query = query.where(ArticleAccuracy.sku == sku)
        if after is not None:
            query = query.where(tuple_(ArticleAccuracy.sku, ArticleAccuracy.warehouse) > after)
        query = query.order_by(ArticleAccuracy.sku, ArticleAccuracy.warehouse).limit(limit)
        return (await self._session.execute(query)).scalars().all()

    async def delete_runs(self, run_ids: Sequence[UUID]) -> None:
        await self._session.execute(delete(ArticleAccuracy).where(ArticleAccuracy.run_id.in_(run_ids)))


async def copy_articles(connection: Any, records: Sequence[tuple[Any, ...]]) -> None:
    """`connection` is the driver's, inside the caller's transaction; `records` hold COLUMNS."""
    await connection.copy_records_to_table("article_accuracy", schema_name="forecast", records=records, columns=COLUMNS)
