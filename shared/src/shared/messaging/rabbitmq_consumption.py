"""Taking messages of one queue from RabbitMQ: count, hand over, settle.

Consumption begins with a prefetch of one and widens after the first message that nobody had in hand before. A consumer
that dies raises the count of everything it had prefetched; beginning narrow, a poison message is met alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from shared.events.envelope import CONTENT_TYPE
from shared.messaging import metrics
from shared.messaging.failures import OutageLog, is_cancelled
from shared.messaging.rabbitmq_connection import RabbitConnection, limited, quietly_closed
from shared.messaging.rabbitmq_publisher import Outgoing, RabbitPublisher
from shared.messaging.rabbitmq_topology import DEAD_QUEUE, declare_queue
from shared.messaging.transport import DeliveryHandler, QueueSpec, TransportUnavailableError, died_in_hand
from shared.observability.logging import get_logger

RECONNECT_SECONDS = 0.5
ATTEMPTS_HEADER = "x-attempts"
QUEUE_HEADER = "x-original-queue"
ROUTING_KEY_HEADER = "x-original-routing-key"
REASON_HEADER = "x-reason"
DELIVERIES_HEADER = "x-deliveries"
PARKED_AT_HEADER = "x-parked-at"

_log = get_logger(__name__)


def copy_of(message: AbstractIncomingMessage, headers: Mapping[str, Any]) -> Message:
    return Message(
        message.body,
        headers=dict(headers),
        content_type=message.content_type or CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        type=message.type,
    )


@dataclass(slots=True)
class RabbitDelivery:
    message: AbstractIncomingMessage
    publisher: RabbitPublisher
    queue: str
    before_ack: Callable[["RabbitDelivery"], Awaitable[None]]
    settled: bool = field(default=False, init=False)

    @property
    def body(self) -> bytes:
        return self.message.body

    @property
    def attempt(self) -> int:
        return 1 + _count(self.message, ATTEMPTS_HEADER) + _count(self.message, "x-delivery-count")

    @property
    def routing_key(self) -> str:
        """The type of the event; after a retry the broker only knows the name of the queue."""
        return str(self.message.headers.get(ROUTING_KEY_HEADER) or self.message.routing_key or "")

    async def ack(self) -> None:
        async with limited():
            await self.before_ack(self)
            await self.message.ack()
        self.settled = True

    async def retry(self, delay_seconds: float) -> None:
        exchange = await self.publisher.retry_exchange(max(1, round(delay_seconds * 1000)))
        await self._move(exchange, self.queue, {ATTEMPTS_HEADER: self.attempt})

    async def park(self, reason: str) -> None:
        parked = {
            QUEUE_HEADER: self.queue,
            REASON_HEADER: reason,
            DELIVERIES_HEADER: self.attempt,
            PARKED_AT_HEADER: datetime.now(UTC),
        }
        await self._move("", DEAD_QUEUE, parked)

    async def release(self) -> None:
        """`nack` and not `reject`: from 4.3 on it does not count as a failed delivery."""
        async with limited():
            await self.message.nack(requeue=True)
        self.settled = True

    async def _move(self, exchange: str, routing_key: str, headers: Mapping[str, Any]) -> None:
        """The copy is confirmed before the original goes; dying in between leaves both, which the inbox swallows."""
        copy = copy_of(self.message, {ROUTING_KEY_HEADER: self.routing_key, **headers})
        if await self.publisher.publish([Outgoing(exchange, routing_key, copy)]):
            raise TransportUnavailableError(f"RabbitMQ: {exchange or routing_key} takes no messages")
        await self.ack()


def _count(message: AbstractIncomingMessage, header: str) -> int:
    value = message.headers.get(header)
    return value if isinstance(value, int) else 0


async def consume(
    connection: RabbitConnection, publisher: RabbitPublisher, queue: QueueSpec, handler: DeliveryHandler
) -> None:
    outages = OutageLog(_log, transport="rabbitmq", queue=queue.name)
    while True:
        try:
            channel = await connection.channel()
            try:
                await _Session(channel, publisher, queue, handler).run()
            finally:
                await quietly_closed(channel)
        except TransportUnavailableError as error:
            outages.note(error)
        if is_cancelled():
            raise asyncio.CancelledError
        await asyncio.sleep(RECONNECT_SECONDS)


class _Session:
    """Consumption on one channel; ends when the channel closes or the broker cancels the consumer."""

    def __init__(
        self, channel: AbstractChannel, publisher: RabbitPublisher, queue: QueueSpec, handler: DeliveryHandler
    ) -> None:
        self._channel = channel
        self._publisher = publisher
        self._spec = queue
        self._handler = handler
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._narrow = True

    async def run(self) -> None:
        self._channel.close_callbacks.add(self._on_end)
        async with limited():
            underlying = await self._channel.get_underlay_channel()
            underlying.on_consumer_cancel_callbacks.add(self._on_end)
            queue = await declare_queue(self._channel, self._spec)
            tag = await self._consume(queue, 1)

        async def widen(delivery: RabbitDelivery) -> None:
            """With the only message in hand, nothing is on its way that the broker would have to take back."""
            if delivery.attempt == 1 and self._narrow:
                await queue.cancel(tag)
                await self._consume(queue, self._spec.prefetch)
                self._narrow = False

        while (message := await self._arrived.get()) is not None and not self._channel.is_closed:
            await self._hand_over(RabbitDelivery(message, self._publisher, self._spec.name, widen))

    async def _consume(self, queue: AbstractQueue, prefetch: int) -> str:
        await self._channel.set_qos(prefetch_count=prefetch)
        return await queue.consume(self._on_message)

    async def _hand_over(self, delivery: RabbitDelivery) -> None:
        if delivery.attempt > self._spec.max_deliveries:
            reason = died_in_hand(self._spec.max_deliveries)
            _log.error("event_parked", queue=self._spec.name, reason=reason)
            await delivery.park(reason)
            metrics.DELIVERIES.labels(self._spec.name, "parked").inc()
            return
        try:
            await self._handler(delivery)
        finally:
            if not delivery.settled:
                await self._give_back(delivery)

    async def _give_back(self, delivery: RabbitDelivery) -> None:
        """A failure here means that the channel is gone, and with it the broker takes the message back by itself."""
        try:
            await delivery.release()
        except TransportUnavailableError as error:
            _log.warning("delivery_not_released", queue=self._spec.name, error=str(error))

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        self._arrived.put_nowait(message)

    def _on_end(self, *_: Any) -> None:
        self._arrived.put_nowait(None)
