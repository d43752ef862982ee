"""One batch of the relay, and the memory of what nobody wants."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import ValidationError

from shared.events.envelope import Envelope
from shared.messaging import metrics
from shared.messaging.failures import backoff, describe
from shared.messaging.outbox_rows import OutboxRow, OutboxRows
from shared.messaging.transport import Transport, UnroutableError
from shared.observability.logging import get_logger

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 30.0

_log = get_logger(__name__)


@dataclass(slots=True)
class _Unroutable:
    """A type without a queue: its rows wait, in their order, behind one that is tried again now and then."""

    due: float = 0.0
    waits: Iterator[float] = field(default_factory=lambda: backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS))

    def postpone(self) -> None:
        self.due = time.monotonic() + next(self.waits)


class RelayTurn:
    """Routing depends on the type alone: a type that nobody wants is set aside as a whole, and nothing else is."""

    def __init__(self, owner: str, rows: OutboxRows, transport: Transport, batch_size: int) -> None:
        self._owner = owner
        self._rows = rows
        self._transport = transport
        self._batch_size = batch_size
        self._unroutable: dict[str, _Unroutable] = {}
        self._defective: set[UUID] = set()

    async def publish_batch(self) -> bool:
        """Whether there was anything to do, and so more may be waiting.

        Raises:
            TransportUnavailableError: nothing was marked; the same rows come again.
        """
        await self._try_unroutable()
        waiting = await self._rows.waiting(
            self._batch_size, without_types=self._unroutable, without_ids=self._defective
        )
        if waiting:
            await self._publish(waiting)
        return bool(waiting)

    async def _try_unroutable(self) -> None:
        now = time.monotonic()
        for event_type in [name for name, state in self._unroutable.items() if state.due <= now]:
            row = await self._rows.first_of(event_type)
            if row is None or await self._publish([row]):
                del self._unroutable[event_type]

    async def _publish(self, waiting: Sequence[OutboxRow]) -> bool:
        """Whether all found a queue."""
        envelopes = await self._readable(waiting)
        returned: frozenset[UUID] = frozenset()
        try:
            await self._transport.publish(envelopes)
        except UnroutableError as error:
            returned = error.event_ids
            await self._set_aside([envelope for envelope in envelopes if envelope.id in returned])
        published = [envelope.id for envelope in envelopes if envelope.id not in returned]
        await self._rows.mark_published(published)
        metrics.PUBLISHED.labels(self._owner).inc(len(published))
        return not returned

    async def _set_aside(self, envelopes: Sequence[Envelope]) -> None:
        for event_type in {envelope.type for envelope in envelopes}:
            self._unroutable.setdefault(event_type, _Unroutable()).postpone()
            _log.error("event_unroutable", owner=self._owner, type=event_type)
        metrics.PUBLISH_FAILURES.labels(self._owner, "unroutable").inc(len(envelopes))
        await self._rows.mark_failed(
            [envelope.id for envelope in envelopes], "no queue takes this type; start or declare its consumer"
        )

    async def _readable(self, waiting: Sequence[OutboxRow]) -> list[Envelope]:
        """A row that is no envelope must not stop the others; it stays, with the reason, until a person repairs it."""
        envelopes: list[Envelope] = []
        for row in waiting:
            try:
                envelopes.append(Envelope.model_validate(row.envelope))
            except ValidationError as error:
                self._defective.add(row.id)
                metrics.PUBLISH_FAILURES.labels(self._owner, "defective").inc()
                _log.error("outbox_row_defective", owner=self._owner, event_id=str(row.id))
                await self._rows.mark_failed([row.id], describe(error))
        return envelopes
