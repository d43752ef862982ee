"""Names and declarations at RabbitMQ. Arguments of a queue never change once it exists, so none depends on settings."""

from collections.abc import Mapping
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

from shared.messaging.transport import QueueSpec

EVENTS_EXCHANGE = "procurement.events"
DEAD_QUEUE = "procurement.dead"
RETRY_PREFIX = "procurement.retry."

# Attempts are counted by the consumer; the broker's own limit is the net below it. It must be set: since 4.0 it is 20
# by default, and listing dead letters counts as delivering them.
_CONSUMER_QUEUE: Mapping[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 100}
_DEAD_LETTERS: Mapping[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000}
# Without these two the broker moves dead letters at most once.
_AT_LEAST_ONCE: Mapping[str, Any] = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}


async def declare_events_exchange(channel: AbstractChannel) -> AbstractExchange:
    return await channel.declare_exchange(EVENTS_EXCHANGE, ExchangeType.TOPIC, durable=True)


async def declare_dead_queue(channel: AbstractChannel) -> AbstractQueue:
    return await channel.declare_queue(DEAD_QUEUE, durable=True, arguments=dict(_DEAD_LETTERS))


async def declare_queue(channel: AbstractChannel, spec: QueueSpec) -> AbstractQueue:
    exchange = await declare_events_exchange(channel)
    await declare_dead_queue(channel)
    parking = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD_QUEUE}
    queue = await channel.declare_queue(
        spec.name, durable=True, arguments={**_CONSUMER_QUEUE, **_AT_LEAST_ONCE, **parking}
    )
    for routing_key in spec.routing_keys:
        await queue.bind(exchange, routing_key)
    return queue


async def declare_retry(channel: AbstractChannel, delay_milliseconds: int) -> AbstractExchange:
    """A place to wait: messages published with the name of their queue as routing key return there when due."""
    name = f"{RETRY_PREFIX}{delay_milliseconds}"
    exchange = await channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
    waiting: dict[str, Any] = {
        "x-queue-type": "quorum",
        "x-message-ttl": delay_milliseconds,
        "x-dead-letter-exchange": "",
    }
    queue = await channel.declare_queue(name, durable=True, arguments={**waiting, **_AT_LEAST_ONCE})
    await queue.bind(exchange)
    return exchange
