"""Use cases of exports: order one, follow it, fetch it, let it expire."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database, UnitOfWork
from shared.web.identity import Identity
from storage_service.exports.domain.layout import CsvDialect, Language
from storage_service.exports.domain.order import ExportFormat, ExportOrder, ExportRecord, LimitedReader, default_dialect
from storage_service.exports.errors import (
    ExportExpiredError,
    ExportNotFoundError,
    ExportNotReadyError,
    InvalidCsvOptionsError,
)
from storage_service.exports.repository import ExportRepository
from storage_service.files.service import Download, DownloadConditions, FileService, create_file_service
from storage_service.resources import Resources
from storage_service.sheets.service import SheetService, create_sheet_service

_NOT_READY: Mapping[str, str] = {
    "queued": "The export waits for its turn. Ask again in a moment.",
    "running": "The export is being made. Ask again in a moment.",
    "failed": "The export failed; its `problem` says why. Order it again when that is mended.",
}


class ExportService:
    def __init__(
        self, database: Database, idempotent: IdempotentRequests, files: FileService, sheets: SheetService
    ) -> None:
        self._database = database
        self._idempotent = idempotent
        self._files = files
        self._sheets = sheets

    async def order(self, order: ExportOrder, caller: Identity, idempotency_key: str | None) -> ExportRecord:
        """It will hold what the caller may see now.

        Raises: InvalidCsvOptionsError; for Sheets OutsideScopeError and what `SheetService.resolve` raises.
        """
        _check_dialect(order.csv)
        if order.format == "sheets":
            caller.scope.require_unlimited("A spreadsheet that others read")
            await self._sheets.resolve(order.spreadsheet)
        async with self._database.unit_of_work() as work:
            exports = ExportRepository(work.session)
            if idempotency_key is not None:
                request = fingerprint("create_export", asdict(order))
                first = await self._idempotent.claim(work, caller=caller.subject, key=idempotency_key, request=request)
                if first is not None:
                    return await self.get(UUID(first["id"]), caller)
            export_id = await exports.add(order, caller.subject, caller.scope.claim)
            if idempotency_key is not None:
                answer = {"id": str(export_id)}
                await self._idempotent.remember(work, caller=caller.subject, key=idempotency_key, response=answer)
            await work.commit()
        return await self.get(export_id, caller)

    async def order_for_plan(
        self, work: UnitOfWork, plan_id: UUID, file_format: ExportFormat, language: Language
    ) -> None:
        """An export nobody asked for, ordered in the transaction of the event that caused it."""
        order = ExportOrder(file_format, language, plan_id, default_dialect(language))
        await ExportRepository(work.session).add(order, None, {})

    async def get(self, export_id: UUID, caller: Identity) -> ExportRecord:
        async with self._database.unit_of_work() as work:
            record = await ExportRepository(work.session).find(export_id, _reader(caller))
        if record is None:
            raise ExportNotFoundError(f"There is no export {export_id}.")
        return record

    async def list_page(self, limit: int, before: UUID | None, caller: Identity) -> list[ExportRecord]:
        async with self._database.unit_of_work() as work:
            return await ExportRepository(work.session).page(limit, before, _reader(caller))

    async def open(self, export_id: UUID, conditions: DownloadConditions, caller: Identity) -> Download:
        """Raises: ExportNotFoundError, ExportNotReadyError, ExportExpiredError, and what `FileService.open` raises."""
        record = await self.get(export_id, caller)
        if record.status == "expired":
            raise ExportExpiredError("The export's file was removed after its time. Order the export again.")
        if record.status != "completed":
            raise ExportNotReadyError(_NOT_READY[record.status])
        if record.file_id is None:
            raise ExportNotReadyError(f"This export went to Google Sheets: {record.url}")
        return await self._files.open(record.file_id, conditions, None)

    async def expire(self) -> None:
        async with self._database.unit_of_work() as work:
            for file_id in await ExportRepository(work.session).expire(datetime.now(UTC)):
                await self._files.discard(work, file_id)
            await work.commit()


def _reader(caller: Identity) -> LimitedReader | None:
    return LimitedReader(caller.subject, caller.scope.claim) if caller.scope.is_limited else None


def _check_dialect(dialect: CsvDialect) -> None:
    if dialect.delimiter == dialect.decimal_separator:
        raise InvalidCsvOptionsError(
            f"{dialect.delimiter!r} cannot separate both the columns and the decimals. "
            "Choose ';' as delimiter, or '.' as decimal separator."
        )


def create_export_service(resources: Resources) -> ExportService:
    return ExportService(
        resources.database, resources.idempotent, create_file_service(resources), create_sheet_service(resources)
    )
