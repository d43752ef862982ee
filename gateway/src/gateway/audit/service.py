"""Use cases of the audit trail."""

import asyncio
from uuid import UUID

from prometheus_client import Counter

from gateway.audit import repository
from gateway.audit.domain import DenialQueue, Entry, Origin, RecordedEntry
from shared.database.unit_of_work import Database, UnitOfWork
from shared.observability.logging import get_logger

_FLUSH_SECONDS = 1.0
_log = get_logger(__name__)
_SUPPRESSED = Counter(
    "gateway_audit_suppressed_total", "Denied requests not written one by one because there were too many."
)


class AuditService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, work: UnitOfWork, entry: Entry) -> None:
        """In the transaction of what the entry tells about: both happen or neither."""
        await repository.add_entries(work.session, [entry])

    async def record(self, *entries: Entry) -> None:
        """In a transaction of its own, for what changed nothing else."""
        async with self._database.unit_of_work() as work:
            await repository.add_entries(work.session, entries)
            await work.commit()

    async def list_page(
        self, *, limit: int, before: UUID | None, action: str | None, actor_id: str | None
    ) -> list[RecordedEntry]:
        async with self._database.unit_of_work() as work:
            return await repository.list_entries(
                work.session, limit=limit, before=before, action=action, actor_id=actor_id
            )


class DenialRecorder:
    """Writes denied requests in batches, off the request's path; a flood costs one insert a second."""

    def __init__(self, audit: AuditService) -> None:
        self._audit = audit
        self._queue = DenialQueue()

    def put(self, entry: Entry) -> None:
        if not self._queue.put(entry):
            _SUPPRESSED.inc()

    async def run(self) -> None:
        """For ever; what waits at the end is written by `flush`."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        entries, suppressed = self._queue.drain()
        if not entries:
            return
        if suppressed:
            details = {"suppressed": suppressed}
            entries.append(Entry("requests.denied", False, Origin("", None), details=details))
        try:
            await self._audit.record(*entries)
        except Exception:  # noqa: BLE001 -- a store away must not end the recorder; the log keeps what was denied
            _log.exception("denials_not_recorded", entries=len(entries), suppressed=suppressed)
