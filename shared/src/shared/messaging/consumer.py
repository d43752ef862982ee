"""Applying events: the inbox row, the effect and its own events in one transaction, then the acknowledgement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar
from uuid import UUID, uuid4

import structlog
from opentelemetry.trace import SpanKind

from shared.events.envelope import Envelope, EnvelopeError, Event, EventT
from shared.messaging import metrics
from shared.messaging.failures import backoff, describe, lost_its_connection
from shared.messaging.transport import Delivery, QueueSpec, Transport, TransportUnavailableError
from shared.observability.logging import get_logger
from shared.observability.tracing import traced

DATABASE_TIMEOUT_SECONDS = 5.0
IMMEDIATE_RETRIES = 3

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
    """All subscriptions of one service: each queue in order, one delivery at a time; the queues side by side."""

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
                consumer = _QueueConsumer(queue.name, subscription, self._unit_of_work, self._policy)
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


class _QueueConsumer(Generic[WorkT]):
    def __init__(
        self,
        queue: str,
        subscription: Subscription[Any, WorkT],
        unit_of_work: Callable[[], WorkT],
        policy: RetryPolicy,
    ) -> None:
        self._queue = queue
        self._subscription = subscription
        self._unit_of_work = unit_of_work
        self._policy = policy
        self._stopping = asyncio.Event()

    async def deliver(self, delivery: Delivery) -> None:
        """When cancelled, finish what is in hand first; when that takes too long it is rolled back and released."""
        work = asyncio.create_task(self._settle(delivery), name=f"delivery of {self._queue}")
        try:
            with metrics.IN_PROGRESS.labels(self._queue).track_inprogress():
                await asyncio.shield(work)
        except asyncio.CancelledError:
            self._stopping.set()
            done, _ = await asyncio.wait({work}, timeout=self._policy.finish_seconds)
            if not done:
                _log.warning("delivery_interrupted", queue=self._queue, after_seconds=self._policy.finish_seconds)
                work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise

    async def _settle(self, delivery: Delivery) -> None:
        try:
            envelope = Envelope.from_bytes(delivery.body)
            event = envelope.payload(self._subscription.event_class)
        except EnvelopeError as error:
            await self._finish("parked", delivery.park(describe(error)))
            return
        with (
            structlog.contextvars.bound_contextvars(event_id=str(envelope.id), event_type=envelope.type),
            traced(f"{self._queue} process", SpanKind.CONSUMER, envelope.traceparent),
        ):
            await self._process(delivery, envelope, event)

    async def _process(self, delivery: Delivery, envelope: Envelope, event: Event) -> None:
        """A failure counts against the message only when the database is there and the connection was not lost."""
        immediate_retries = IMMEDIATE_RETRIES
        while True:
            try:
                applied = await self._apply(envelope, event)
            except Exception as error:  # noqa: BLE001 -- whatever a handler raises: tried again, then parked
                if not await self._database_is_there():
                    if not await self._database_is_back(error):
                        return
                elif lost_its_connection(error) and immediate_retries:
                    immediate_retries -= 1
                else:
                    await self._failed(delivery, error)
                    return
            else:
                await self._finish("applied" if applied else "duplicate", delivery.ack())
                age = (datetime.now(UTC) - envelope.time).total_seconds()
                metrics.EVENT_AGE.labels(self._queue).observe(max(0.0, age))
                return

    async def _apply(self, envelope: Envelope, event: Event) -> bool:
        """False when this queue's consumer has applied the event before."""
        async with self._unit_of_work() as work:
            if not await work.receive(self._queue, envelope.id):
                return False
            await self._subscription.handler(event, envelope, work)
            await work.commit()
        return True

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        reason = describe(error)
        if delivery.attempt >= self._subscription.max_deliveries:
            _log.error("event_parked", queue=self._queue, attempt=delivery.attempt, exc_info=error)
            await self._finish("parked", delivery.park(reason))
            return
        delays = self._policy.delays_seconds
        delay_seconds = delays[min(delivery.attempt, len(delays)) - 1]
        _log.warning(
            "event_failed", queue=self._queue, attempt=delivery.attempt, again_in=delay_seconds, exc_info=error
        )
        await self._finish("failed", delivery.retry(delay_seconds))

    async def _finish(self, outcome: str, settlement: Awaitable[None]) -> None:
        """When the broker is away the message comes again; the inbox knows whether it was applied."""
        try:
            await settlement
        except TransportUnavailableError as error:
            _log.warning("delivery_not_settled", queue=self._queue, outcome=outcome, error=describe(error))
        else:
            metrics.DELIVERIES.labels(self._queue, outcome).inc()

    async def _database_is_there(self) -> bool:
        """Try the very table the work begins with; leaving without commit rolls the row back."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS), self._unit_of_work() as work:
                await work.receive(self._queue, uuid4())
        except Exception as error:  # noqa: BLE001 -- any failure of the probe means the same: wait
            _log.debug("database_probe_failed", queue=self._queue, error=describe(error))
            return False
        return True

    async def _database_is_back(self, error: Exception) -> bool:
        """Wait with the delivery in hand: it costs no attempt. False when the process stops first."""
        _log.warning("consumer_paused", queue=self._queue, error=describe(error))
        with metrics.CONSUMER_PAUSED.labels(self._queue).track_inprogress():
            for seconds in backoff(0.25, 5.0):
                try:
                    async with asyncio.timeout(seconds):
                        await self._stopping.wait()
                    return False
                except TimeoutError:
                    if await self._database_is_there():
                        break
        _log.info("consumer_resumed", queue=self._queue)
        return True
