"""Reading, replaying and discarding what is parked in the queue `procurement.dead`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from aio_pika.abc import AbstractIncomingMessage

from shared.messaging.rabbitmq_connection import OPERATION_TIMEOUT_SECONDS, RabbitConnection, quietly_closed, translated
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
    def __init__(self, connection: RabbitConnection, publisher: RabbitPublisher) -> None:
        self._connection = connection
        self._publisher = publisher

    async def list(self, queue: str | None, limit: int) -> list[DeadLetter]:
        found: dict[UUID, DeadLetter] = {}
        async for _, letter in self._all():
            if queue is None or letter.queue == queue:
                found.setdefault(letter.id, letter)
            if len(found) >= limit:
                break
        return [*found.values()]

    async def replay(self, ids: Collection[UUID]) -> list[DeadLetter]:
        return await self._take(ids, self._send_back)

    async def discard(self, ids: Collection[UUID]) -> list[DeadLetter]:
        return await self._take(ids, None)

    async def _take(self, ids: Collection[UUID], action: Any) -> Any:
        raise NotImplementedError
