"""SQL of messages: the queue, its recovery, the history."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload

from notification_service.messages.models import Attempt, Message, Notice
from shared.database.base import new_id

_QUEUED_COLUMNS = ("dedup_key", "notice_id", "subscription_id", "owner", "channel", "address")
_ENQUEUE = text("""
    INSERT INTO notification.messages (id, dedup_key, notice_id, subscription_id, owner, channel, address)
    SELECT * FROM unnest(
        CAST(:id_list AS uuid[]), CAST(:dedup_key_list AS text[]), CAST(:notice_id_list AS uuid[]),
        CAST(:subscription_id_list AS uuid[]), CAST(:owner_list AS text[]), CAST(:channel_list AS text[]),
        CAST(:address_list AS text[]))
    ON CONFLICT (dedup_key) DO NOTHING
    RETURNING id
""")


class MessageRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_notice(self, *, event_id: UUID, event_type: str, language: str, body: str) -> UUID:
        """The notice of the event in the language; one that is there already stays as it is."""
        values = {"event_id": event_id, "event_type": event_type, "language": language, "body": body}
        added = insert(Notice).values(id=new_id(), **values)
        kept = added.on_conflict_do_update(
            index_elements=["event_id", "language"], set_={"language": added.excluded.language}
        )
        notice_id: UUID = (await self._session.execute(kept.returning(Notice.id))).scalar_one()
        return notice_id

    async def enqueue(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Rows of dedup_key, notice_id, subscription_id, owner, channel, address; known keys are left out."""
        values = {f"{name}_list": [row[name] for row in rows] for name in _QUEUED_COLUMNS}
        added = await self._session.execute(_ENQUEUE, {"id_list": [new_id() for _ in rows], **values})
        return len(added.all())

    async def add(self, message: Message) -> None:
        self._session.add(message)
        await self._session.flush()
        await self._session.refresh(message)

    async def due(
        self, channels: Collection[str], resting: Collection[str], limit: int, now: datetime
    ) -> Sequence[Message]:
        """The first message of each chat that may be sent, locked, with its notice.

        A chat with a message in hand, or with an earlier one that is due or was tried before, waits for that one.
        """
        earlier = aliased(Message)
        # A scalar subquery is looked up row by row in the index of the chat; NOT EXISTS would be planned as a join of
        # the whole queue with itself. The repeated condition on the status is what lets it use that partial index.
        ahead = (
            select(earlier.id)
            .where(
                earlier.channel == Message.channel,
                earlier.address == Message.address,
                earlier.status.in_(("queued", "sending")),
                or_(earlier.status == "sending", and_(earlier.position < Message.position, _holds_back(earlier, now))),
            )
            .limit(1)
            .correlate(Message)
            .scalar_subquery()
        )
        query = (
            select(Message)
            .options(joinedload(Message.notice, innerjoin=True))
            .where(
                Message.status == "queued",
                Message.not_before <= now,
                Message.channel.in_(channels),
                Message.address.not_in(resting),
                ahead.is_(None),
            )
            .order_by(Message.position)
            .limit(limit)
            .with_for_update(skip_locked=True, of=Message)
        )
        # The oldest are at one end of the queue's index; with statistics from before a rush the planner would rather
        # read and sort all of it.
        await self._session.execute(text("SET LOCAL enable_sort = off"))
        return (await self._session.scalars(query)).all()

    async def begin(self, message: Message, channel: str) -> None:
        """The mark of intent: from the commit on, this try may have happened."""
        message.status, message.attempts = "sending", message.attempts + 1
        self._session.add(
            Attempt(message_id=message.id, number=message.attempts, part=message.parts_sent + 1, channel=channel)
        )
        await self._session.flush()

    async def end_attempt(self, message_id: UUID, number: int, values: Mapping[str, Any]) -> None:
        await self._session.execute(
            update(Attempt)
            .where(Attempt.message_id == message_id, Attempt.number == number)
            .values(ended_at=func.now(), **values)
        )

    async def in_hand(self, message_id: UUID, number: int) -> Message | None:
        """The message if its newest try is the given one and nobody has ended it otherwise; locked.

        Also found when another sender has meanwhile called it uncertain: this answer is the better knowledge.
        """
        query = (
            select(Message)
            .options(joinedload(Message.notice, innerjoin=True))
            .where(Message.id == message_id, Message.attempts == number, Message.status.in_(("sending", "uncertain")))
            .with_for_update(of=Message)
        )
        found: Message | None = await self._session.scalar(query)
        return found

    async def flush(self) -> None:
        await self._session.flush()

    async def abandon_sending(self, detail: str) -> Sequence[UUID]:
        """Messages in hand of a sender that is gone become uncertain."""
        ended = await self._session.execute(
            update(Message)
            .where(Message.status == "sending")
            .values(status="uncertain", code="sender_died", detail=detail, ended_at=func.now())
            .returning(Message.id)
        )
        ids = [row.id for row in ended]
        await self._session.execute(
            update(Attempt)
            .where(Attempt.message_id.in_(ids), Attempt.ended_at.is_(None))
            .values(ended_at=func.now(), code="sender_died", detail=detail)
        )
        return ids

    async def find(self, message_id: UUID, owner: str | None, *, for_change: bool = False) -> Message | None:
        """`owner` None finds anybody's."""
        query = select(Message).options(joinedload(Message.notice, innerjoin=True)).where(Message.id == message_id)
        if owner is not None:
            query = query.where(Message.owner == owner)
        found: Message | None = await self._session.scalar(query.with_for_update(of=Message) if for_change else query)
        return found

    async def list_page(self, filters: Mapping[str, str | None], before: UUID | None, limit: int) -> Sequence[Message]:
        """Newest first; `filters` by owner, status, channel and event_type, None for any."""
        columns: Mapping[str, Any] = {
            "owner": Message.owner,
            "status": Message.status,
            "channel": Message.channel,
            "event_type": Notice.event_type,
        }
        query = (
            select(Message)
            .join(Message.notice)
            .options(joinedload(Message.notice, innerjoin=True))
            .where(*(columns[name] == value for name, value in filters.items() if value is not None))
            .order_by(Message.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(Message.id < before)
        return (await self._session.scalars(query)).all()

    async def attempts_of(self, message_id: UUID) -> Sequence[Attempt]:
        query = select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number)
        return (await self._session.scalars(query)).all()

    async def queue_state(self) -> tuple[int, float]:
        """Messages waiting, and the age of the oldest in seconds."""
        age = func.extract("epoch", func.now() - func.min(Message.due_since))
        row = (await self._session.execute(select(func.count(), age).where(Message.status == "queued"))).one()
        return row[0], float(row[1] or 0)


def _holds_back(earlier: Any, now: datetime) -> ColumnElement[bool]:
    return and_(earlier.status == "queued", or_(earlier.not_before <= now, earlier.attempts > 0))
