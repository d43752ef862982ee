"""Reads and writes the audit table."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.audit.domain import Actor, Entry, Origin, RecordedEntry
from gateway.audit.models import AuditEntry
from shared.database.base import new_id


async def add_entries(session: AsyncSession, entries: Iterable[Entry]) -> None:
    rows = [_row(entry) for entry in entries]
    if rows:
        await session.execute(insert(AuditEntry), rows)


async def list_entries(
    session: AsyncSession, *, limit: int, before: UUID | None, action: str | None, actor_id: str | None
) -> list[RecordedEntry]:
    """Newest first; `before` is the id of the last entry already seen."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if action is not None:
        query = query.where(AuditEntry.action == action)
    if actor_id is not None:
        query = query.where(AuditEntry.actor_id == actor_id)
    return [_recorded(row) for row in (await session.execute(query)).scalars()]


def _row(entry: Entry) -> dict[str, object]:
    actor = entry.actor
    return {
        "id": new_id(),
        "action": entry.action,
        "succeeded": entry.succeeded,
        "actor_kind": actor.kind if actor else None,
        "actor_id": actor.id if actor else None,
        "actor_name": actor.name if actor else None,
        "acting_service": actor.acting_service if actor else None,
        "target": entry.target,
        "address": entry.origin.address,
        "request_id": entry.origin.request_id,
        "details": dict(entry.details),
    }


def _recorded(row: AuditEntry) -> RecordedEntry:
    actor = None
    if row.actor_kind is not None:
        actor = Actor(row.actor_kind, row.actor_id or "", row.actor_name or "", row.acting_service)
    entry = Entry(row.action, row.succeeded, Origin(row.address, row.request_id), actor, row.target, row.details)
    return RecordedEntry(row.id, row.occurred_at, entry)
