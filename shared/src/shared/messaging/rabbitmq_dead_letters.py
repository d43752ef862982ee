"""Reading, replaying and discarding what is parked in the queue `procurement.dead`."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from datetime import datetime
from uuid import UUID

from aio_pika.abc import AbstractIncomingMessage

from shared.messaging.rabbitmq_connection import (
    OPERATION_TIMEOUT_SECONDS,
    RabbitConnection,
    limited,
    quietly_closed,
    translated,
)
from shared.messaging.rabbitmq_consumption import (
    DELIVERIES_HEADER,
    PARKED_AT_HEADER,
    QUEUE_HEADER,
    REASON_HEADER,
    ROUTING_KEY_HEADER,
    copy_of,
)
from shared.messaging.rabbitmq_publisher import Outgoing, RabbitPublisher
from shared.messaging.rabbitmq_topology import declare_dead_queue
from shared.messaging.transport import DeadLetter, TransportError, dead_letter_id


class RabbitDeadLetters:
    """Reads by taking everything in hand and closing the channel, which puts the rest back in its order."""

    def __init__(self, connection: RabbitConnection, publisher: RabbitPublisher) -> None:
        self._connection = connection
        self._publisher = publisher

    async def find(self, queue: str | None, limit: int) -> list[DeadLetter]:
        found: dict[UUID, DeadLetter] = {}
        async with aclosing(self._all()) as letters:
            async for _, letter in letters:
                if queue is None or letter.queue == queue:
                    found.setdefault(letter.id, letter)
                if len(found) == limit:
                    break
        return [*found.values()]

    async def take(self, ids: Collection[UUID], *, send_back: bool) -> list[DeadLetter]:
        """Remove these letters; with `send_back` each goes into its original queue first.

        Raises:
            TransportError: an original queue is gone; its letters stay.
        """
        taken: dict[UUID, DeadLetter] = {}
        homeless: set[str] = set()
        async with aclosing(self._all()) as letters:
            async for message, letter in letters:
                if letter.id not in ids:
                    continue
                if send_back and letter.id not in taken and not await self._send_back(message, letter):
                    homeless.add(letter.queue)
                    continue
                await _remove(message)
                taken[letter.id] = letter
        if homeless:
            raise TransportError(f"queue(s) {', '.join(sorted(homeless))} do not exist; the dead letters were kept")
        return [*taken.values()]

    async def _send_back(self, message: AbstractIncomingMessage, letter: DeadLetter) -> bool:
        copy = copy_of(message, {ROUTING_KEY_HEADER: letter.routing_key})
        return not await self._publisher.publish([Outgoing("", letter.queue, copy)])

    async def _all(self) -> AsyncGenerator[tuple[AbstractIncomingMessage, DeadLetter], None]:
        channel = await self._connection.channel()
        try:
            with translated():
                queue = await declare_dead_queue(channel)
                while (message := await queue.get(fail=False, timeout=OPERATION_TIMEOUT_SECONDS)) is not None:
                    yield message, _read(message)
        finally:
            await quietly_closed(channel)


async def _remove(message: AbstractIncomingMessage) -> None:
    async with limited():
        await message.ack()


def _read(message: AbstractIncomingMessage) -> DeadLetter:
    """Parked by a consumer, with our headers; or by the broker's own limit, with the broker's."""
    headers = message.headers
    died = headers.get("x-death")
    death = died[0] if isinstance(died, list) and died and isinstance(died[0], dict) else {}
    queue = str(headers.get(QUEUE_HEADER) or death.get("queue") or "")
    parked_at = headers.get(PARKED_AT_HEADER) or death.get("time")
    deliveries = headers.get(DELIVERIES_HEADER)
    return DeadLetter(
        id=dead_letter_id(queue, message.body),
        queue=queue,
        routing_key=str(headers.get(ROUTING_KEY_HEADER) or message.type or ""),
        body=message.body,
        reason=str(headers.get(REASON_HEADER) or f"parked by the broker: {death.get('reason', 'unknown')!s}"),
        deliveries=deliveries if isinstance(deliveries, int) else 0,
        parked_at=parked_at if isinstance(parked_at, datetime) else None,
    )
