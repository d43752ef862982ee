"""Queries of imports: the list people see, the queue workers take from, the quarantine."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from data_service.imports.domain.batches import RejectedRow
from data_service.imports.domain.kinds import ImportKind
from data_service.imports.domain.records import Claim, ImportCounts, ImportRecord, NewImport, Status
from data_service.imports.errors import LeaseLostError
from data_service.imports.models import Import, QuarantinedRow

_CLAIM = text("""
UPDATE data.imports
SET status = 'running', lease = :lease, lease_until = now() + make_interval(secs => :seconds),
    attempts = attempts + 1, started_at = coalesce(started_at, now()), progress = 0
WHERE id = (
    SELECT id FROM data.imports
    WHERE status = 'queued' OR (status = 'running' AND lease_until < now())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, file_name, size_bytes, attempts, created_by""")

_RENEW = text("""
UPDATE data.imports SET lease_until = now() + make_interval(secs => :seconds), progress = :progress
WHERE id = :id AND lease = :lease AND status = 'running'""")

_QUARANTINE_COLUMNS = ("import_id", "line", "column_name", "value", "reason", "rule", "raw")


class ImportRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, new: NewImport) -> None:
        await self._session.execute(insert(Import).values(**asdict(new), status=Status.QUEUED))

    async def find(self, import_id: UUID) -> ImportRecord | None:
        row = (await self._session.execute(select(Import).where(Import.id == import_id))).scalar_one_or_none()
        return _record(row) if row is not None else None

    async def list_imports(
        self, *, kind: ImportKind | None, status: Status | None, limit: int, after: UUID | None
    ) -> list[ImportRecord]:
        """Newest first."""
        query = select(Import).order_by(Import.id.desc()).limit(limit)
        if kind is not None:
            query = query.where(Import.kind == kind)
        if status is not None:
            query = query.where(Import.status == status)
        if after is not None:
            query = query.where(Import.id < after)
        return [_record(row) for row in (await self._session.execute(query)).scalars()]

    async def list_quarantined(
        self, import_id: UUID, *, rule: str | None, limit: int, after_line: int
    ) -> Sequence[QuarantinedRow]:
        query = (
            select(QuarantinedRow)
            .where(QuarantinedRow.import_id == import_id, QuarantinedRow.line > after_line)
            .order_by(QuarantinedRow.line)
            .limit(limit)
        )
        if rule is not None:
            query = query.where(QuarantinedRow.rule == rule)
        return (await self._session.execute(query)).scalars().all()

    async def waiting(self) -> list[UUID]:
        query = select(Import.id).where(Import.status.in_([Status.QUEUED, Status.RUNNING]))
        return list((await self._session.execute(query)).scalars())

    async def claim(self, lease: UUID, seconds: float) -> Claim | None:
        """The oldest import that waits, or whose worker let its lease run out."""
        row = (await self._session.execute(_CLAIM, {"lease": lease, "seconds": seconds})).mappings().one_or_none()
        return Claim(**{**row, "kind": ImportKind(row["kind"])}, lease=lease) if row is not None else None

    async def renew(self, claim: Claim, seconds: float, progress: float) -> None:
        """Raises: LeaseLostError."""
        values = {"id": claim.id, "lease": claim.lease, "seconds": seconds, "progress": progress}
        _require_one((await self._session.execute(_RENEW, values)).rowcount)  # type: ignore[attr-defined]

    async def settle(self, claim: Claim, status: Status, **values: Any) -> None:
        """Ends this worker's hold on the import. Raises: LeaseLostError."""
        finished = text("now()") if status in {Status.COMPLETED, Status.FAILED} else None
        result = await self._session.execute(
            update(Import)
            .where(Import.id == claim.id, Import.lease == claim.lease, Import.status == Status.RUNNING)
            .values(status=status, lease=None, lease_until=None, finished_at=finished, **values)
        )
        _require_one(result.rowcount)  # type: ignore[attr-defined]

    async def begin_applying(self, *, statement_seconds: float, work_memory_mebibytes: int) -> None:
        """One import at a time is applied; the others wait here, with their leases renewed.

        Nested loops are ruled out: partitions filled a moment ago have no statistics, and look empty to the planner.
        """
        await self._session.execute(
            text(
                "SELECT set_config('statement_timeout', :timeout, true), set_config('work_mem', :memory, true), "
                "set_config('enable_nestloop', 'off', true), "
                "pg_advisory_xact_lock(hashtext('data:imports'))"
            ),
            {"timeout": f"{int(statement_seconds * 1000)}", "memory": f"{work_memory_mebibytes}MB"},
        )


async def quarantine(connection: Any, import_id: UUID, rows: Sequence[RejectedRow]) -> None:
    records = [(import_id, row.line, row.column, row.value, row.reason, row.rule, row.row) for row in rows]
    await connection.copy_records_to_table(
        "quarantined_rows", schema_name="data", records=records, columns=_QUARANTINE_COLUMNS
    )


def _require_one(changed_rows: int) -> None:
    if changed_rows != 1:
        raise LeaseLostError


def _record(row: Import) -> ImportRecord:
    return ImportRecord(
        id=row.id,
        kind=ImportKind(row.kind),
        file_name=row.file_name,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        status=Status(row.status),
        progress=row.progress,
        counts=ImportCounts(row.read, row.applied, row.unchanged, row.cleaned, row.quarantined),
        rules=row.rules,
        understood=row.understood,
        problem=row.problem,
        period_start=row.period_start,
        period_end=row.period_end,
        created_by=row.created_by,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
