"""SQL of exports."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage_service.exports.domain.layout import Language
from storage_service.exports.domain.order import ExportFormat, ExportOrder, ExportRecord, LimitedReader
from storage_service.exports.models import Export


class ExportRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, order: ExportOrder, requested_by: str | None, scope: dict[str, list[str]]) -> UUID:
        export = Export(
            kind="plan",
            format=order.format,
            language=order.language,
            plan_id=order.plan_id,
            options={"csv": asdict(order.csv), "spreadsheet": order.spreadsheet, "scope": scope},
            requested_by=requested_by,
        )
        self._session.add(export)
        await self._session.flush()
        return export.id

    async def find(self, export_id: UUID, reader: LimitedReader | None = None) -> ExportRecord | None:
        statement = select(Export).where(Export.id == export_id, *_visible(reader))
        statement = statement.execution_options(populate_existing=True)
        export = (await self._session.execute(statement)).scalar_one_or_none()
        return None if export is None else _record(export)

    async def page(self, limit: int, before: UUID | None, reader: LimitedReader | None) -> list[ExportRecord]:
        statement = select(Export).where(*_visible(reader)).order_by(Export.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(Export.id < before)
        return [_record(export) for export in (await self._session.execute(statement)).scalars()]

    async def set(self, export_id: UUID, **values: Any) -> None:
        await self._session.execute(update(Export).where(Export.id == export_id).values(**values))

    async def expire(self, now: datetime) -> Sequence[UUID]:
        """Marks what has expired; returns the files to delete."""
        expired = await self._session.execute(
            update(Export)
            .where(Export.status == "completed", Export.expires_at < now)
            .values(status="expired")
            .returning(Export.file_id)
        )
        return [file_id for file_id in expired.scalars() if file_id is not None]


def _visible(reader: LimitedReader | None) -> list[ColumnElement[bool]]:
    if reader is None:
        return []
    return [Export.requested_by == reader.subject, Export.options["scope"] == reader.scope]


def _record(export: Export) -> ExportRecord:
    return ExportRecord(
        id=export.id,
        kind=export.kind,
        format=cast("ExportFormat", export.format),
        language=cast("Language", export.language),
        options=export.options,
        plan_id=export.plan_id,
        status=export.status,
        progress=export.progress,
        attempts=export.attempts,
        rows=export.rows,
        file_id=export.file_id,
        file_name=export.file_name,
        size_bytes=export.size_bytes,
        sha256=export.sha256,
        url=export.url,
        problem=export.problem,
        requested_by=export.requested_by,
        created_at=export.created_at,
        started_at=export.started_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
    )
