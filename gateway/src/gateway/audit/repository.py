"""Reads and writes the audit tables."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, insert, literal_column, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.audit.domain.chain import GENESIS, DayEnd, Link, Seal
from gateway.audit.domain.entries import Entry, Search
from gateway.audit.domain.verification import Frame
from gateway.audit.models import NOUN, WORDS, AuditDay, AuditEntry, AuditHead, AuditKey, AuditSeal
from shared.database.base import new_id

_BATCH = 1000
_TABLE = AuditEntry.__table__.c
# In the order of Link's fields; the details as the text that was hashed.
_LINK = (
    _TABLE.id,
    _TABLE.day,
    _TABLE.sequence,
    _TABLE.previous_hash,
    _TABLE.hash,
    _TABLE.occurred_at,
    _TABLE.action,
    _TABLE.succeeded,
    _TABLE.actor_kind,
    _TABLE.actor_id,
    _TABLE.actor_name,
    _TABLE.acting_service,
    _TABLE.target,
    _TABLE.address,
    _TABLE.request_id,
    cast(_TABLE.details, Text),
)


async def add_entries(session: AsyncSession, entries: Iterable[Entry]) -> None:
    """One round trip. From here to the end of the transaction nobody else adds an entry: keep that short."""
    rows = [_row(entry) for entry in entries]
    if rows:
        await session.execute(insert(AuditEntry), rows)


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


def search_query(search: Search, before: tuple[date, int] | None, limit: int) -> Select[Any]:
    """Newest first; `before` is the place in the chain of the last entry already seen."""
    query = select(*_LINK).order_by(_TABLE.day.desc(), _TABLE.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(_TABLE.day, _TABLE.sequence) < before)
    return query.where(*_period(search.start, search.end), *_equalities(search), *_action(search), *_words(search))


def _period(start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    """The day as well, since the indexes are in its order."""
    conditions: list[ColumnElement[bool]] = []
    if start is not None:
        conditions += [_TABLE.day >= start.date(), _TABLE.occurred_at >= start]
    if end is not None:
        conditions += [_TABLE.day <= end.date(), _TABLE.occurred_at < end]
    return conditions


def _equalities(search: Search) -> list[ColumnElement[bool]]:
    wanted = (
        (_TABLE.actor_id, search.actor_id),
        (_TABLE.target, search.target),
        (_TABLE.address, search.address),
        (_TABLE.request_id, search.request_id),
    )
    conditions: list[ColumnElement[bool]] = [column == value for column, value in wanted if value is not None]
    if search.actor is not None:
        conditions.append(func.lower(_TABLE.actor_name) == search.actor.lower())
    if search.succeeded is not None:
        conditions.append(_TABLE.succeeded if search.succeeded else ~_TABLE.succeeded)
    return conditions


def _action(search: Search) -> list[ColumnElement[bool]]:
    if search.action is None:
        return []
    noun = search.action.removesuffix(".*")
    return [literal_column(NOUN, Text) == noun] if noun != search.action else [_TABLE.action == search.action]


def _words(search: Search) -> list[ColumnElement[bool]]:
    if not search.words:
        return []
    wanted = " & ".join(f"{word}:*" for word in search.words)
    return [literal_column(WORDS).bool_op("@@")(func.to_tsquery(text("'simple'::regconfig"), wanted))]


async def list_links(
    session: AsyncSession, search: Search, *, before: tuple[date, int] | None, limit: int
) -> list[Link]:
    rows = await session.execute(search_query(search, before, limit))
    return _links(rows)


def _links(rows: Iterable[Any]) -> list[Link]:
    return [Link(*row) for row in rows]


async def begin_reading(session: AsyncSession) -> None:
    """One moment for all that this transaction reads; must be its first statement."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


async def stream_links(
    session: AsyncSession, *, start: datetime | None = None, end: datetime | None = None
) -> AsyncIterator[Sequence[Link]]:
    """In the order of the chain, through a cursor of the server."""
    query = select(*_LINK).where(*_period(start, end)).order_by(_TABLE.day, _TABLE.sequence)
    result = await session.stream(query.execution_options(yield_per=_BATCH))
    async for rows in result.partitions():
        yield _links(rows)


async def read_frame(session: AsyncSession, first: date | None, last: date | None) -> Frame:
    """What the days from `first` to `last`, both included, are to be compared with."""
    ends = {end.day: end for end in await day_ends(session)}
    before = max((day for day in ends if first is not None and day < first), default=None)
    seals = await session.execute(select(AuditSeal).order_by(AuditSeal.day, AuditSeal.entries))
    return Frame(
        ends={day: end for day, end in ends.items() if _is_within(day, first, last)},
        seals=[_seal(row) for row in seals.scalars() if _is_within(row.day, first, last)],
        keys=await public_keys(session),
        before=ends[before].last_hash if before is not None else GENESIS,
        is_whole=True,
    )


def _is_within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or day >= first) and (last is None or day <= last)


async def day_ends(session: AsyncSession) -> list[DayEnd]:
    """Of all days with entries, oldest first; the last one may still grow."""
    ends = [DayEnd(row.day, row.entries, row.last_hash) for row in (await session.execute(select(AuditDay))).scalars()]
    head = (await session.execute(select(AuditHead))).scalar_one()
    if head.entries:
        ends.append(DayEnd(head.day, head.entries, head.last_hash))
    return sorted(ends, key=lambda end: end.day)


async def public_keys(session: AsyncSession) -> Mapping[str, bytes]:
    rows = (await session.execute(select(AuditKey))).scalars()
    return {row.key_id: row.public_key for row in rows}


def _seal(row: AuditSeal) -> Seal:
    return Seal(DayEnd(row.day, row.entries, row.last_hash), row.key_id, row.signature)


async def sealed_entries(session: AsyncSession) -> Mapping[date, int]:
    """How many entries of each day the furthest seal covers."""
    rows = await session.execute(
        select(AuditSeal.day, func.max(AuditSeal.entries).label("sealed")).group_by(AuditSeal.day)
    )
    return {row.day: row.sealed for row in rows}


async def add_seal(session: AsyncSession, seal: Seal, public_key: bytes) -> bool:
    """False when another replica has sealed the same end."""
    key = postgresql_insert(AuditKey).values(key_id=seal.key_id, public_key=public_key)
    await session.execute(key.on_conflict_do_nothing())
    row = postgresql_insert(AuditSeal).values(
        day=seal.end.day,
        entries=seal.end.entries,
        key_id=seal.key_id,
        last_hash=seal.end.last_hash,
        signature=seal.signature,
    )
    added = await session.execute(row.on_conflict_do_nothing().returning(AuditSeal.day))
    return added.scalar_one_or_none() is not None
