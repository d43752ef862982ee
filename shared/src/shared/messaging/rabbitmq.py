"""RabbitMQ: topic exchange `procurement.events`, durable quorum queues, dead letters parked in `procurement.dead`."""

from collections.abc import Collection, Sequence
from typing import Self
from uuid import UUID

from aio_pika import DeliveryMode, Message

from shared.events.envelope import CONTENT_TYPE, Envelope
from shared.messaging.rabbitmq_connection import RabbitConnection, limited, quietly_closed
from shared.messaging.rabbitmq_consumption import consume
from shared.messaging.rabbitmq_dead_letters import RabbitDeadLetters
from shared.messaging.rabbitmq_publisher import Outgoing, RabbitPublisher
from shared.messaging.rabbitmq_topology import EVENTS_EXCHANGE, declare_queue
from shared.messaging.transport import DeadLetter, DeliveryHandler, QueueSpec, UnroutableError


class RabbitTransport:
    """Two connections: a broker short of memory or disk blocks the one that publishes, and acks must still pass."""

    def __init__(self, publishing: RabbitConnection, consuming: RabbitConnection) -> None:
        self._publishing = publishing
        self._consuming = consuming
        self._publisher = RabbitPublisher(publishing)
        self._dead_letters = RabbitDeadLetters(consuming, self._publisher)

    @classmethod
    async def open(cls, url: str, client_name: str) -> Self:
        """Connects when first used: a process starts, and reports degraded, while the broker is away."""
        return cls(RabbitConnection(url, f"{client_name} publish"), RabbitConnection(url, f"{client_name} consume"))

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        outgoing = {envelope.id: Outgoing(EVENTS_EXCHANGE, envelope.type, _message(envelope)) for envelope in envelopes}
        returned = {id(one) for one in await self._publisher.publish([*outgoing.values()])}
        if returned:
            raise UnroutableError([event_id for event_id, one in outgoing.items() if id(one) in returned])

    async def declare(self, queue: QueueSpec) -> None:
        channel = await self._consuming.channel()
        try:
            async with limited():
                await declare_queue(channel, queue)
        finally:
            await quietly_closed(channel)

    async def consume(self, queue: QueueSpec, handler: DeliveryHandler) -> None:
        await consume(self._consuming, self._publisher, queue, handler)

    async def dead_letters(self, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        return await self._dead_letters.find(queue, limit)

    async def replay(self, ids: Collection[UUID]) -> list[DeadLetter]:
        return await self._dead_letters.take(ids, send_back=True)

    async def discard(self, ids: Collection[UUID]) -> list[DeadLetter]:
        return await self._dead_letters.take(ids, send_back=False)

    async def check(self) -> None:
        await self._publisher.check()

    async def close(self) -> None:
        await self._publishing.close()
        await self._consuming.close()


def _message(envelope: Envelope) -> Message:
    return Message(
        envelope.to_bytes(),
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=str(envelope.id),
        type=envelope.type,
        timestamp=envelope.time,
    )
