"""Applying events: the inbox row, the effect and its own events in one transaction, then the acknowledgement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar
from uuid import UUID

from shared.events.envelope import Envelope, EventT
from shared.messaging.failures import backoff, describe
from shared.messaging.queue_consumer import QueueConsumer
from shared.messaging.transport import QueueSpec, Transport, TransportUnavailableError
from shared.observability.logging import get_logger

_log = get_logger(__name__)


class UnitOfWork(Protocol):
    """What consumers need of a transaction; leaving the block without `commit` rolls back."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    async def receive(self, consumer: str, event_id: UUID) -> bool: ...

    async def commit(self) -> None: ...


WorkT = TypeVar("WorkT", bound=UnitOfWork)


@dataclass(frozen=True)
class Subscription(Generic[EventT, WorkT]):
    """The handler runs in the transaction of the inbox row and must not commit.

    It may be called again for the same event after a failure, with nothing of the first try left in the database.
    """

    event_class: type[EventT]
    handler: Callable[[EventT, Envelope, WorkT], Awaitable[None]]
    prefetch: int = 50
    max_deliveries: int = 5


@dataclass(frozen=True)
class RetryPolicy:
    """Seconds to wait after each failure; the last value repeats. A few distinct values: each may be a queue."""

    delays_seconds: Sequence[float] = (1.0, 10.0, 60.0, 300.0)
    finish_seconds: float = 30.0
    """Time for what is in hand when the process is told to stop."""


class Consumers(Generic[WorkT]):
    """All subscriptions of one service. Each queue is handled in order, one delivery at a time; queues run side by side."""

    def __init__(
        self,
        owner: str,
        unit_of_work: Callable[[], WorkT],
        transport: Transport,
        subscriptions: Sequence[Subscription[Any, WorkT]],
        policy: RetryPolicy = RetryPolicy(),
    ) -> None:
        self._owner = owner
        self._unit_of_work = unit_of_work
        self._transport = transport
        self._subscriptions = subscriptions
        self._policy = policy

    async def run(self) -> None:
        """Until cancelled; then deliveries in hand are finished within `finish_seconds`, or released."""
        await self.declare()
        async with asyncio.TaskGroup() as group:
            for subscription in self._subscriptions:
                queue = self._queue(subscription)
                consumer = QueueConsumer(queue, subscription, self._unit_of_work, self._policy)
                group.create_task(self._transport.consume(queue, consumer.deliver), name=queue.name)

    async def declare(self) -> None:
        """Create all queues, so that events published from now on are kept; waits for the broker."""
        waits = backoff(0.5, 10.0)
        for queue in map(self._queue, self._subscriptions):
            while True:
                try:
                    await self._transport.declare(queue)
                    break
                except TransportUnavailableError as error:
                    _log.warning("queue_not_declared", queue=queue.name, error=describe(error))
                    await asyncio.sleep(next(waits))

    def _queue(self, subscription: Subscription[Any, WorkT]) -> QueueSpec:
        event_type = subscription.event_class.event_type
        return QueueSpec(
            name=f"{self._owner}.{event_type}",
            routing_keys=(event_type,),
            max_deliveries=subscription.max_deliveries,
            prefetch=subscription.prefetch,
        )
