"""Queueing the messages of an event, handing them to the sender, and the history with its resending."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from notification_service.messages.domain.channel import Accepted, Channel, Outcome
from notification_service.messages.domain.delivery import Policy, Progress, Step, next_step
from notification_service.messages.domain.history import AttemptView, MessageFilter, MessageView
from notification_service.messages.errors import MessageNotFoundError, MessageNotResendableError
from notification_service.messages.models import Message
from notification_service.messages.repository import MessageRepository
from notification_service.subscriptions.service import (
    SubscriptionView,
    move_address,
    stop_address,
    subscribers_of,
    subscriptions_with_ids,
)
from notification_service.templates.domain.names import event_name
from notification_service.templates.service import TemplateService
from shared.database.base import new_id
from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.envelope import Envelope, Event
from shared.events.notification import MessageFailedV1


class MessageQueue:
    """Turns an event into one queued message per subscriber; each language is rendered once."""

    def __init__(self, templates: TemplateService) -> None:
        self._templates = templates

    async def enqueue(self, event: Event, envelope: Envelope, work: UnitOfWork) -> int:
        """In the caller's transaction; returns how many messages were added. A repeated event adds none."""
        subscribers = await subscribers_of(work, event_name(envelope.type))
        repository = MessageRepository(work.session)
        rows: list[Mapping[str, Any]] = []
        for language in sorted({each.language for each in subscribers}):
            body = self._templates.render(event, language, envelope.time)
            notice_id = await repository.add_notice(
                event_id=envelope.id, event_type=envelope.type, language=language, body=body
            )
            rows += [_queued(each, envelope.id, notice_id) for each in subscribers if each.language == language]
        return await repository.enqueue(rows) if rows else 0


def _queued(subscriber: SubscriptionView, event_id: UUID, notice_id: UUID) -> Mapping[str, Any]:
    return {
        "dedup_key": f"{event_id}:{subscriber.id}",
        "notice_id": notice_id,
        "subscription_id": subscriber.id,
        "owner": subscriber.owner,
        "channel": subscriber.channel,
        "address": subscriber.address,
    }


class MessageService:
    """`owner` limits every use case to one caller's messages; None is for those who see everybody's."""

    def __init__(self, database: Database, requests: IdempotentRequests) -> None:
        self._database = database
        self._requests = requests

    async def list_messages(
        self, owner: str | None, wanted: MessageFilter, before: UUID | None, limit: int
    ) -> Sequence[MessageView]:
        async with self._database.unit_of_work() as work:
            filters = {"owner": owner, **vars(wanted)}
            rows = await MessageRepository(work.session).list_page(filters, before, limit)
        return [MessageView.of(row) for row in rows]

    async def get_message(self, message_id: UUID, owner: str | None) -> tuple[MessageView, Sequence[AttemptView]]:
        """Raises: MessageNotFoundError also for somebody else's."""
        async with self._database.unit_of_work() as work:
            repository = MessageRepository(work.session)
            row = await _get(repository, message_id, owner)
            attempts = await repository.attempts_of(message_id)
        return MessageView.of(row), [AttemptView.of(attempt) for attempt in attempts]

    async def resend_message(self, message_id: UUID, owner: str | None, *, caller: str, key: str | None) -> MessageView:
        """Queues a new message with the same text for the subscription as it is now; the old one stays as it is.

        Raises:
            MessageNotFoundError: also for somebody else's.
            MessageNotResendableError: it is still on its way, or its subscription has ended or stopped.
        """
        async with self._database.unit_of_work() as work:
            repository = MessageRepository(work.session)
            if key is not None:
                request = fingerprint("resend_message", str(message_id))
                first = await self._requests.claim(work, caller=caller, key=key, request=request)
                if first is not None:
                    return MessageView.of(await _get(repository, UUID(first["id"]), owner))
            row = await _get(repository, message_id, owner, for_change=True)
            copy = _copy(row, await _reachable(work, row))
            await repository.add(copy)
            if key is not None:
                await self._requests.remember(work, caller=caller, key=key, response={"id": str(copy.id)})
            await work.commit()
            return MessageView.of(await _get(repository, copy.id, owner))


async def _get(
    repository: MessageRepository, message_id: UUID, owner: str | None, *, for_change: bool = False
) -> Message:
    row = await repository.find(message_id, owner, for_change=for_change)
    if row is None:
        raise MessageNotFoundError(f"There is no message {message_id}, or it is not yours.")
    return row


async def _reachable(work: UnitOfWork, row: Message) -> SubscriptionView:
    if row.status in {"queued", "sending"}:
        raise MessageNotResendableError("The message is still on its way; wait until it is sent or has failed.")
    known = await subscriptions_with_ids(work, [row.subscription_id] if row.subscription_id else [])
    subscription = known.get(row.subscription_id) if row.subscription_id else None
    if subscription is None:
        raise MessageNotResendableError("Its subscription has ended; subscribe again to get further messages.")
    if not subscription.active:
        why = subscription.inactive_reason or "it was switched off"
        raise MessageNotResendableError(f"Its subscription is not active: {why} Activate the subscription first.")
    return subscription


def _copy(row: Message, subscription: SubscriptionView) -> Message:
    copy_id = new_id()
    return Message(
        id=copy_id,
        dedup_key=f"resend:{copy_id}",
        notice_id=row.notice_id,
        subscription_id=subscription.id,
        resend_of=row.id,
        owner=row.owner,
        channel=subscription.channel,
        address=subscription.address,
    )


@dataclass(frozen=True)
class Parcel:
    """One part of a message in the sender's hands; `route` is the channel its subscriber asked for."""

    message_id: UUID
    number: int
    route: str
    address: str
    markup: str
    progress: Progress


class Deliveries:
    """What the sender does to the queue. `channels` are by route: what the subscriber asked for."""

    def __init__(self, database: Database, channels: Mapping[str, Channel], policy: Policy) -> None:
        self._database = database
        self._channels = channels
        self._policy = policy

    async def abandon(self) -> int:
        """Ends what a dead sender had in hand; only for the one process that may send."""
        detail = "The sender stopped before the answer of the channel was recorded; the message may have arrived."
        async with self._database.unit_of_work() as work:
            ids = await MessageRepository(work.session).abandon_sending(detail)
            await work.commit()
        return len(ids)

    async def claim(self, routes: Sequence[str], resting: Sequence[str], limit: int) -> Sequence[Parcel]:
        """Takes the next parts to send and marks the intent; what can no longer be sent is ended here."""
        now = datetime.now(UTC)
        async with self._database.unit_of_work() as work:
            repository = MessageRepository(work.session)
            rows = await repository.due(routes, resting, limit, now)
            known = await subscriptions_with_ids(work, {row.subscription_id for row in rows if row.subscription_id})
            parcels = []
            for row in rows:
                subscription = known.get(row.subscription_id) if row.subscription_id else None
                if subscription is None or not subscription.active:
                    _end(row, Step("failed", "subscription_ended", "The subscription ended before it was sent."), now)
                elif now - row.due_since >= self._policy.give_up_after:
                    _end(row, Step("failed", "too_late", "It could not be sent in time.", failures=row.failures), now)
                    await _publish_failure(work, row)
                elif (subscription.channel, subscription.address) != (row.channel, row.address):
                    row.channel, row.address = subscription.channel, subscription.address
                else:
                    parcels.append(await self._begin(repository, row))
            await repository.flush()
            await work.commit()
        return parcels

    async def _begin(self, repository: MessageRepository, row: Message) -> Parcel:
        channel = self._channels[row.channel]
        await repository.begin(row, channel.name)
        parts = channel.split(row.notice.body) or [row.notice.body]
        progress = Progress(row.due_since, len(parts), row.parts_sent, row.failures, row.plain, row.attempts)
        markup = parts[min(row.parts_sent, len(parts) - 1)]
        return Parcel(row.id, row.attempts, row.channel, row.address, markup, progress)

    async def record(self, parcel: Parcel, outcome: Outcome, jitter: float) -> Step | None:
        """Stores what became of the parcel; None when the message is gone. `jitter` multiplies the pause."""
        now = datetime.now(UTC)
        step = next_step(parcel.progress, outcome, now, self._policy)
        channel = self._channels[parcel.route]
        async with self._database.unit_of_work() as work:
            repository = MessageRepository(work.session)
            provider_id = outcome.provider_message_id if isinstance(outcome, Accepted) else None
            values = {"code": step.code, "detail": step.detail, "provider_message_id": provider_id}
            await repository.end_attempt(parcel.message_id, parcel.number, values)
            row = await repository.in_hand(parcel.message_id, parcel.number)
            if row is not None:
                _end(row, step, now, step.pause_seconds * jitter)
                row.channel = channel.name if step.status == "sent" else row.channel
                await self._follow_up(work, row, step)
                await repository.flush()
            await work.commit()
        return step if row is not None else None

    async def _follow_up(self, work: UnitOfWork, row: Message, step: Step) -> None:
        if step.new_address is not None:
            await move_address(work, row.channel, row.address, step.new_address)
            row.address = step.new_address
        if step.dead_address:
            await stop_address(work, row.channel, row.address, step.detail or step.code)
        if step.status == "failed":
            await _publish_failure(work, row)

    async def queue_state(self) -> tuple[int, float]:
        """Messages waiting, and the age of the oldest in seconds."""
        async with self._database.unit_of_work() as work:
            return await MessageRepository(work.session).queue_state()


def _end(row: Message, step: Step, now: datetime, pause_seconds: float = 0.0) -> None:
    row.status, row.code, row.detail = step.status, step.code, step.detail
    row.failures, row.plain = step.failures, step.plain
    row.parts_sent = max(row.parts_sent, step.parts_sent)
    row.not_before = now + timedelta(seconds=pause_seconds)
    row.ended_at = None if step.status == "queued" else now


async def _publish_failure(work: UnitOfWork, row: Message) -> None:
    event = MessageFailedV1(
        message_id=row.id,
        subscription_id=row.subscription_id,
        channel=row.channel,
        about_type=row.notice.event_type,
        code=row.code or "failed",
        detail=row.detail or "",
        attempts=row.attempts,
    )
    await work.publish(event, subject=str(row.id))
