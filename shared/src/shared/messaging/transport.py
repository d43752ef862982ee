"""What every event transport promises: at least once, in order of publication per queue as long as nothing fails.

A delivery stays with its consumer until it is settled, or until the consumer dies or loses its connection; then it is
delivered again. No delivery reaches a handler more often than the queue allows: it becomes a dead letter instead.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid5

from shared.events.envelope import Envelope

_DEAD_LETTER_NAMESPACE = UUID("7d3c3f0e-54c8-5a56-9a1c-2f7a0b0a6f43")


class TransportError(Exception):
    """Base of what a transport raises."""


class TransportUnavailableError(TransportError):
    """The broker cannot be reached or did not confirm in time; whether it has the events is unknown: publish again."""


class UnroutableError(TransportError):
    """No queue is bound for these events. The others of the same batch are published."""

    def __init__(self, event_ids: Collection[UUID]) -> None:
        super().__init__(f"no queue takes event(s) {', '.join(map(str, event_ids))}; start or declare their consumer")
        self.event_ids = frozenset(event_ids)


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """`routing_keys` are topic patterns: `*` stands for one word, `#` for any number of words."""

    name: str
    routing_keys: tuple[str, ...]
    max_deliveries: int = 5
    prefetch: int = 50

    def __post_init__(self) -> None:
        if self.max_deliveries < 1 or self.prefetch < 1 or not self.routing_keys:
            raise ValueError(f"queue {self.name}: at least one routing key, delivery and prefetched message is needed")


class Delivery(Protocol):
    """One message in hand. Exactly one of the four coroutines settles it."""

    @property
    def queue(self) -> str: ...

    @property
    def body(self) -> bytes: ...

    @property
    def attempt(self) -> int:
        """1 at the first delivery; grows with every retry and every consumer that died with it in hand."""

    async def ack(self) -> None:
        """Done for good; valid even when the delivery was meanwhile given to another consumer."""

    async def retry(self, delay_seconds: float) -> None:
        """Deliver again, not before the delay; counts as an attempt."""

    async def park(self, reason: str) -> None:
        """Make it a dead letter."""

    async def release(self) -> None:
        """Give it back untouched, for anybody to take at once."""


DeliveryHandler = Callable[[Delivery], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    id: UUID
    queue: str
    routing_key: str
    body: bytes
    reason: str
    deliveries: int
    parked_at: datetime | None


class Transport(Protocol):
    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when every event is stored in all queues that want it.

        Raises:
            UnroutableError: nobody wants some of them; the others are stored.
            TransportUnavailableError: unknown which are stored.
        """

    async def declare(self, queue: QueueSpec) -> None:
        """Create the queue and its bindings; safe to repeat."""

    async def consume(self, queue: QueueSpec, handler: DeliveryHandler) -> None:
        """Hand over deliveries one after the other until cancelled; survives the loss of the broker.

        A handler that raises ends the consumption and its delivery is released.
        """

    async def dead_letters(self, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """Oldest first; of one original queue or of all."""

    async def replay(self, ids: Collection[UUID]) -> list[DeadLetter]:
        """Put dead letters back into their original queue only, with a fresh count; returns those found.

        Raises:
            TransportError: the original queue is gone; the dead letter stays.
        """

    async def discard(self, ids: Collection[UUID]) -> list[DeadLetter]:
        """Delete dead letters for good; returns those found."""

    async def check(self) -> None:
        """Raise `TransportUnavailableError` unless the broker answers."""

    async def close(self) -> None: ...


def dead_letter_id(queue: str, body: bytes) -> UUID:
    """Same for the same message of the same queue, so that parking twice is visible as one."""
    return uuid5(_DEAD_LETTER_NAMESPACE, f"{queue}:{hashlib.sha256(body).hexdigest()}")


def died_in_hand(deliveries: int) -> str:
    return f"delivered {deliveries} times, and each time the consumer died or lost its connection before it was done"
