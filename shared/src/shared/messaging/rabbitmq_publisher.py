"""Publishing to RabbitMQ: confirmed, mandatory, pipelined, and never without a time limit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import PublishError

from shared.messaging.rabbitmq_connection import (
    OPERATION_TIMEOUT_SECONDS,
    RabbitConnection,
    limited,
    quietly_closed,
    translated,
)
from shared.messaging.rabbitmq_topology import (
    EVENTS_EXCHANGE,
    declare_dead_queue,
    declare_events_exchange,
    declare_retry,
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    exchange: str
    """Empty for the default exchange, where the routing key is the name of a queue."""
    routing_key: str
    message: Message


class RabbitPublisher:
    """One confirming channel for everything this process sends; thrown away after any failure."""

    def __init__(self, connection: RabbitConnection) -> None:
        self._connection = connection
        self._channel: AbstractChannel | None = None
        self._exchanges: dict[str, AbstractExchange] = {}
        self._opening = asyncio.Lock()

    async def publish(self, outgoing: Sequence[Outgoing]) -> list[Outgoing]:
        """Send all before waiting for the first confirmation; returns those that no queue takes.

        Raises:
            TransportUnavailableError: not all were confirmed in time.
        """
        channel = await self._open_channel()
        try:
            sending = [asyncio.create_task(self._send(one)) for one in outgoing]
            results = await asyncio.gather(*sending, return_exceptions=True)
        except asyncio.CancelledError:
            await self._discard(channel)
            raise
        returned = [one for one, result in zip(outgoing, results, strict=True) if isinstance(result, PublishError)]
        failures = [r for r in results if isinstance(r, BaseException) and not isinstance(r, PublishError)]
        if failures:
            await self._discard(channel)
            with translated():
                raise failures[0]
        return returned

    async def retry_exchange(self, delay_milliseconds: int) -> str:
        """Create the place to wait where it does not exist; returns its name."""
        channel = await self._open_channel()
        async with limited():
            exchange = await declare_retry(channel, delay_milliseconds)
        self._exchanges[exchange.name] = exchange
        return exchange.name

    async def check(self) -> None:
        channel = await self._open_channel()
        async with limited():
            await declare_events_exchange(channel)

    async def _send(self, one: Outgoing) -> None:
        async with asyncio.timeout(OPERATION_TIMEOUT_SECONDS):
            await self._exchanges[one.exchange].publish(one.message, one.routing_key, mandatory=True)

    async def _open_channel(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                channel = await self._connection.channel(confirms=True)
                async with limited():
                    events = await declare_events_exchange(channel)
                    await declare_dead_queue(channel)
                self._exchanges = {EVENTS_EXCHANGE: events, "": channel.default_exchange}
                self._channel = channel
            return self._channel

    async def _discard(self, channel: AbstractChannel) -> None:
        """After a missing confirmation the state of the channel is unknown, and the connection may be half-open."""
        if self._channel is channel:
            self._channel = None
            await quietly_closed(channel)
            await self._connection.close()
