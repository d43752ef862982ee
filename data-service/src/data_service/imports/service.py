"""Use cases of imports: a file taken in, its fate, its quarantine; and the run that applies it, whole or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from data_service.catalog.domain import Applied
from data_service.catalog.service import CatalogReferences
from data_service.imports.adapters.intakes import Intake, IntakePolicy, open_intake
from data_service.imports.adapters.spool import Spool, SpooledFile
from data_service.imports.domain.batches import Batch
from data_service.imports.domain.kinds import ImportKind
from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.problems import UnreadableFileError
from data_service.imports.domain.quarantine_csv import HEADER, csv_rows
from data_service.imports.domain.reader import FileReport, TableFile
from data_service.imports.domain.records import Claim, ImportCounts, ImportRecord, NewImport, Status, Tally
from data_service.imports.errors import ImportNotFoundError
from data_service.imports.repository import ImportRepository, quarantine
from data_service.sales.errors import RowsCollideError
from shared.database.base import new_id
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events import data as events

_ORIGIN = "upload"
_CSV_PAGE_ROWS = 1000
_READ_SHARE = 0.7
"""Part of the progress bar for reading; the rest is for applying."""


@dataclass(frozen=True)
class ImportPolicy:
    limits: ReadLimits
    intake: IntakePolicy
    lease_seconds: float
    statement_seconds: float
    work_memory_mebibytes: int


class ImportService:
    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool

    async def accept(
        self,
        kind: ImportKind,
        file_name: str | None,
        chunks: AsyncIterator[bytes],
        declared_bytes: int | None,
        created_by: str,
    ) -> ImportRecord:
        import_id = new_id()
        upload = await self._spool.receive(import_id, chunks, declared_bytes)
        new = NewImport(import_id, kind, file_name, upload.size_bytes, upload.sha256, created_by)
        async with self._database.unit_of_work() as work:
            await ImportRepository(work.session).add(new)
            record = await _record(work, import_id)
            await work.commit()
        return record

    async def list_imports(
        self, *, kind: ImportKind | None, status: Status | None, limit: int, after: UUID | None
    ) -> list[ImportRecord]:
        async with self._database.unit_of_work() as work:
            return await ImportRepository(work.session).list_imports(kind=kind, status=status, limit=limit, after=after)

    async def get_import(self, import_id: UUID) -> ImportRecord:
        async with self._database.unit_of_work() as work:
            return await _record(work, import_id)

    async def list_quarantined(self, import_id: UUID, *, rule: str | None, limit: int, after_line: int) -> list[Any]:
        async with self._database.unit_of_work() as work:
            await _record(work, import_id)
            rows = await ImportRepository(work.session).list_quarantined(
                import_id, rule=rule, limit=limit, after_line=after_line
            )
        return list(rows)

    async def quarantine_csv(self, import_id: UUID) -> AsyncIterator[bytes]:
        """Raises: ImportNotFoundError, before the first byte."""
        await self.get_import(import_id)
        return self._quarantine_csv(import_id)

    async def _quarantine_csv(self, import_id: UUID) -> AsyncIterator[bytes]:
        yield "\ufeff".encode() + csv_rows([HEADER])
        after_line = 0
        while rows := await self.list_quarantined(import_id, rule=None, limit=_CSV_PAGE_ROWS, after_line=after_line):
            yield csv_rows((r.line, r.column_name, r.value, r.reason, r.rule, r.raw) for r in rows)
            after_line = rows[-1].line


class ImportRun:
    """One claimed import from its file to the commit: counts, rows, quarantine and event in one transaction."""

    def __init__(self, database: Database, spool: Spool, policy: ImportPolicy, claim: Claim) -> None:
        self._database = database
        self._policy = policy
        self._claim = claim
        self._file = SpooledFile(spool.path(claim.id), claim.size_bytes)
        self._tally = Tally()
        self._began = monotonic()
        self._is_reading = True

    @property
    def progress(self) -> float:
        return _READ_SHARE * self._file.fraction_read if self._is_reading else _READ_SHARE

    @property
    def rows_read(self) -> int:
        return self._tally.read

    async def run(self, before_commit: Callable[[], Any]) -> ImportCounts:
        """Raises: UnreadableFileError, LeaseLostError. `before_commit` stops whoever else writes the import's row."""
        table = await asyncio.to_thread(self._open)
        try:
            return await self._attempt(table, before_commit, is_optimistic=True)
        except RowsCollideError:
            return await self._attempt(table, before_commit, is_optimistic=False)

    async def _attempt(
        self, table: TableFile, before_commit: Callable[[], Any], *, is_optimistic: bool
    ) -> ImportCounts:
        self._tally, self._is_reading = Tally(), True
        async with self._database.unit_of_work() as work:
            await ImportRepository(work.session).begin_applying(
                statement_seconds=self._policy.statement_seconds,
                work_memory_mebibytes=self._policy.work_memory_mebibytes,
            )
            policy, claim = self._policy.intake, self._claim
            references = CatalogReferences(work, policy.unknown_codes, policy.default_warehouse)
            intake = open_intake(
                claim.kind, work, references, self._database, policy, claim.created_by, is_optimistic=is_optimistic
            )
            await self._stage(work, intake, table.batches())
            applied = await intake.apply()
            await references.publish_created()
            await before_commit()
            counts = self._counts(applied)
            self._tally.rules.update(applied.rules + references.created)
            await self._complete(work, table.report, applied, counts)
            await work.commit()
        return counts

    def _open(self) -> TableFile:
        try:
            return TableFile(self._file.open, self._claim.kind, self._policy.limits, _latest_today())
        except FileNotFoundError as error:
            raise UnreadableFileError(
                "file_lost",
                "The uploaded file is gone",
                "The upload is not on this machine any more; send the file again. With several machines, "
                "DATA_SPOOL_DIRECTORY must be a folder they share.",
            ) from error

    async def _stage(self, work: UnitOfWork, intake: Intake, batches: Iterator[Batch]) -> None:
        """The next block is read in a thread while PostgreSQL takes the last one."""
        await intake.begin()
        connection = await work.driver()
        pending = asyncio.create_task(asyncio.to_thread(next, batches, None))
        try:
            while (batch := await pending) is not None:
                pending = asyncio.create_task(asyncio.to_thread(next, batches, None))
                await intake.take(batch)
                await quarantine(connection, self._claim.id, batch.rejected)
                self._tally.add(batch)
        finally:
            pending.cancel()
        self._is_reading = False

    def _counts(self, applied: Applied) -> ImportCounts:
        return ImportCounts(
            read=self._tally.read,
            applied=applied.applied,
            unchanged=applied.unchanged,
            cleaned=applied.cleaned + self._tally.blank,
            quarantined=self._tally.quarantined,
        )

    async def _complete(self, work: UnitOfWork, report: FileReport, applied: Applied, counts: ImportCounts) -> None:
        claim = self._claim
        await ImportRepository(work.session).settle(
            claim,
            Status.COMPLETED,
            progress=1.0,
            read=counts.read,
            applied=counts.applied,
            unchanged=counts.unchanged,
            cleaned=counts.cleaned,
            quarantined=counts.quarantined,
            rules=dict(self._tally.rules),
            understood=_understood(report),
            period_start=applied.period_start,
            period_end=applied.period_end,
        )
        event = events.ImportCompletedV1(
            import_id=claim.id,
            kind=claim.kind,
            origin=_ORIGIN,
            file_name=claim.file_name,
            counts=events.ImportCounts(**counts.__dict__),
            period_start=applied.period_start,
            period_end=applied.period_end,
            duration_seconds=monotonic() - self._began,
        )
        await work.publish(event, subject=str(claim.id))


class ImportQueue:
    """Imports as jobs: claimed under a lease, renewed, given back or given up."""

    def __init__(self, database: Database, spool: Spool, policy: ImportPolicy) -> None:
        self._database = database
        self._spool = spool
        self._policy = policy

    async def claim(self) -> Claim | None:
        async with self._database.unit_of_work() as work:
            claim = await ImportRepository(work.session).claim(new_id(), self._policy.lease_seconds)
            await work.commit()
        return claim

    def open_run(self, claim: Claim) -> ImportRun:
        return ImportRun(self._database, self._spool, self._policy, claim)

    async def renew(self, claim: Claim, progress: float) -> None:
        async with self._database.unit_of_work() as work:
            await ImportRepository(work.session).renew(claim, self._policy.lease_seconds, progress)
            await work.commit()

    async def give_back(self, claim: Claim) -> None:
        """For a worker told to stop: the next one begins anew, and this attempt does not count."""
        async with self._database.unit_of_work() as work:
            await ImportRepository(work.session).settle(claim, Status.QUEUED, progress=0.0, attempts=claim.attempts - 1)
            await work.commit()

    async def fail(self, claim: Claim, problem: UnreadableFileError, rows_read: int, seconds: float) -> None:
        document = {"code": problem.code, "title": problem.title, "detail": problem.detail}
        event = events.ImportFailedV1(
            import_id=claim.id,
            kind=claim.kind,
            origin=_ORIGIN,
            file_name=claim.file_name,
            code=problem.code,
            detail=problem.detail,
            rows_read=rows_read,
            duration_seconds=seconds,
        )
        async with self._database.unit_of_work() as work:
            await ImportRepository(work.session).settle(claim, Status.FAILED, problem=document)
            await work.publish(event, subject=str(claim.id))
            await work.commit()
        await self._spool.discard(claim.id)

    async def discard_upload(self, claim: Claim) -> None:
        await self._spool.discard(claim.id)

    async def sweep(self, older_than_seconds: float) -> int:
        async with self._database.unit_of_work() as work:
            waiting = await ImportRepository(work.session).waiting()
        return await self._spool.sweep(waiting, older_than_seconds)


async def _record(work: UnitOfWork, import_id: UUID) -> ImportRecord:
    found = await ImportRepository(work.session).find(import_id)
    if found is None:
        raise ImportNotFoundError(f"There is no import {import_id}.")
    return found


def _latest_today() -> date:
    """The day it is where the day begins first: what is today's sale there is no sale of the future."""
    return (datetime.now(UTC) + timedelta(hours=14)).date()


def _understood(report: FileReport) -> dict[str, Any]:
    return {
        "columns": report.columns,
        "ignored_columns": list(report.ignored_columns),
        "delimiter": report.delimiter,
        "decimal_separator": "," if report.notation.is_decimal_comma else ".",
        "date_order": "month first" if report.notation.is_month_first else "day first",
        "is_date_order_assumed": report.is_date_order_assumed,
    }
