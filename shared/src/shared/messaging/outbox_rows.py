"""The statements of the relay on a service's outbox."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

PRUNE_BATCH = 5000


@dataclass(frozen=True, slots=True)
class OutboxRow:
    id: UUID
    type: str
    envelope: Mapping[str, Any]


class OutboxRows:
    """Never "rows after the last one seen": sequence numbers are taken before commit, late commits must not be lost."""

    def __init__(self, connection: AsyncConnection, outbox: Table) -> None:
        self._connection = connection
        self._outbox = outbox

    async def waiting(
        self, limit: int, *, without_types: Collection[str], without_ids: Collection[UUID]
    ) -> list[OutboxRow]:
        query = self._unpublished(limit)
        if without_types:
            query = query.where(self._outbox.c.type.not_in(without_types))
        if without_ids:
            query = query.where(self._outbox.c.id.not_in(without_ids))
        return await self._fetch(query)

    async def first_of(self, event_type: str) -> OutboxRow | None:
        rows = await self._fetch(self._unpublished(1).where(self._outbox.c.type == event_type))
        return rows[0] if rows else None

    async def mark_published(self, ids: Collection[UUID]) -> None:
        await self._connection.execute(
            update(self._outbox)
            .where(self._outbox.c.id.in_(ids))
            .values(published_at=func.clock_timestamp(), last_error=None)
        )

    async def mark_failed(self, ids: Collection[UUID], reason: str) -> None:
        await self._connection.execute(
            update(self._outbox)
            .where(self._outbox.c.id.in_(ids))
            .values(attempts=self._outbox.c.attempts + 1, last_error=reason)
        )

    async def depth(self) -> tuple[int, float]:
        """Number of waiting rows, and the age of the oldest in seconds."""
        age = func.extract("epoch", func.clock_timestamp() - func.min(self._outbox.c.created_at))
        query = select(func.count(), func.coalesce(age, 0)).where(self._outbox.c.published_at.is_(None))
        waiting, oldest = (await self._connection.execute(query)).one()
        return int(waiting), max(0.0, float(oldest))

    async def prune(self, older_than_days: int) -> None:
        published_at = self._outbox.c.published_at
        old = select(self._outbox.c.id).where(published_at < func.now() - text(f"interval '{older_than_days:d} days'"))
        batch = delete(self._outbox).where(self._outbox.c.id.in_(old.order_by(published_at).limit(PRUNE_BATCH)))
        while (await self._connection.execute(batch)).rowcount == PRUNE_BATCH:
            continue

    def _unpublished(self, limit: int) -> Select[Any]:
        columns = self._outbox.c
        query = select(columns.id, columns.type, columns.envelope).where(columns.published_at.is_(None))
        return query.order_by(columns.sequence).limit(limit)

    async def _fetch(self, query: Select[Any]) -> list[OutboxRow]:
        rows: Sequence[Any] = (await self._connection.execute(query)).all()
        return [OutboxRow(row.id, row.type, row.envelope) for row in rows]
