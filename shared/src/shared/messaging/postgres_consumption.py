"""Taking messages of one queue from the embedded transport: claim, count, hand over, settle."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from shared.messaging import metrics
from shared.messaging.failures import OutageLog, is_cancelled
from shared.messaging.postgres_errors import AWAY, translated
from shared.messaging.postgres_presence import LOCK_CLASS, Holder, Presence
from shared.messaging.transport import (
    DeliveryHandler,
    QueueSpec,
    TransportUnavailableError,
    dead_letter_id,
    died_in_hand,
)
from shared.observability.logging import get_logger

LEASE = timedelta(seconds=30)
POLL_SECONDS = 1.0
RENEW_TICKS = 10
RECONNECT_SECONDS = 0.5

_CLAIM = """
UPDATE bus.message SET holder = $2, leased_until = now() + $4::interval
WHERE id = ANY (ARRAY(
    SELECT id FROM bus.message WHERE queue = $1 AND holder IS NULL AND visible_at <= now()
    ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING id, routing_key, body
"""
_HELD_BY_OTHERS = "SELECT 1 FROM bus.message WHERE queue = $1 AND holder IS NOT NULL AND holder <> $2 LIMIT 1"
_FREE_THE_ABANDONED = """
UPDATE bus.message SET holder = NULL, leased_until = NULL
WHERE id = ANY (ARRAY(
    SELECT id FROM bus.message WHERE queue = $1 AND holder IS NOT NULL AND (
        leased_until < now()
        OR holder NOT IN (
            SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = $2 AND objsubid = 2
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))
    ORDER BY id FOR UPDATE SKIP LOCKED))
"""
_START = "UPDATE bus.message SET deliveries = deliveries + 1 WHERE id = $1 AND holder = $2 RETURNING deliveries"
_RENEW = "UPDATE bus.message SET leased_until = now() + $3::interval WHERE queue = $1 AND holder = $2"
_RELEASE_ALL = "UPDATE bus.message SET holder = NULL, leased_until = NULL WHERE queue = $1 AND holder = $2"
_RETRY = """
UPDATE bus.message SET holder = NULL, leased_until = NULL, visible_at = now() + $3::interval
WHERE id = $1 AND holder = $2
"""
_RELEASE = """
UPDATE bus.message SET holder = NULL, leased_until = NULL, deliveries = greatest(deliveries - 1, 0)
WHERE id = $1 AND holder = $2
"""
_PARK = """
WITH taken AS (DELETE FROM bus.message WHERE id = $1 AND holder = $2 RETURNING queue, routing_key, body, deliveries)
INSERT INTO bus.dead (id, queue, routing_key, body, deliveries, reason)
SELECT $3, queue, routing_key, body, least(deliveries, $4), $5 FROM taken
ON CONFLICT (id) DO UPDATE
SET deliveries = excluded.deliveries, reason = excluded.reason, parked_at = excluded.parked_at
"""

_log = get_logger(__name__)


@dataclass(slots=True)
class PostgresDelivery:
    pool: asyncpg.Pool
    holder: int
    id: int
    queue: str
    body: bytes
    attempt: int
    settled: bool = field(default=False, init=False)

    async def ack(self) -> None:
        """Whoever holds it now: the effect is committed."""
        await self._execute("DELETE FROM bus.message WHERE id = $1", self.id)

    async def retry(self, delay_seconds: float) -> None:
        await self._execute(_RETRY, self.id, self.holder, timedelta(seconds=delay_seconds))

    async def park(self, reason: str) -> None:
        await self._execute(_PARK, self.id, self.holder, dead_letter_id(self.queue, self.body), self.attempt, reason)

    async def release(self) -> None:
        await self._execute(_RELEASE, self.id, self.holder)

    async def _execute(self, statement: str, *values: Any) -> None:
        with translated():
            await self.pool.execute(statement, *values)
        self.settled = True


async def consume(pool: asyncpg.Pool, presence: Presence, queue: QueueSpec, handler: DeliveryHandler) -> None:
    outages = OutageLog(_log, transport="postgresql", queue=queue.name)
    while True:
        try:
            with translated():
                async with presence.hold(queue.name) as holder:
                    await _Session(pool, queue, handler, holder).run()
        except TransportUnavailableError as error:
            outages.note(error)
        if is_cancelled():
            raise asyncio.CancelledError
        await asyncio.sleep(RECONNECT_SECONDS)


class _Session:
    """Consumption under one holder; ends when the connection behind it is lost."""

    def __init__(self, pool: asyncpg.Pool, queue: QueueSpec, handler: DeliveryHandler, holder: Holder) -> None:
        self._pool = pool
        self._queue = queue
        self._handler = handler
        self._holder = holder

    async def run(self) -> None:
        housekeeping = asyncio.create_task(self._housekeeping(), name=f"leases of {self._queue.name}")
        try:
            while not self._holder.lost:
                self._holder.wake_up.clear()
                if not await self._take_batch():
                    await self._wait()
        finally:
            housekeeping.cancel()
            await asyncio.gather(housekeeping, return_exceptions=True)
            await self._release_claimed()

    async def _take_batch(self) -> bool:
        claimed = await self._pool.fetch(_CLAIM, self._queue.name, self._holder.number, self._queue.prefetch, LEASE)
        for row in sorted(claimed, key=lambda row: row["id"]):
            if self._holder.lost:
                break
            await self._hand_over(row)
        return bool(claimed)

    async def _hand_over(self, row: Any) -> None:
        """Counting at the start of the handler keeps a consumer that dies from harming what else it had claimed."""
        attempt = await self._pool.fetchval(_START, row["id"], self._holder.number)
        if attempt is None:
            return
        delivery = PostgresDelivery(self._pool, self._holder.number, row["id"], self._queue.name, row["body"], attempt)
        if attempt > self._queue.max_deliveries:
            reason = died_in_hand(self._queue.max_deliveries)
            _log.error("event_parked", queue=self._queue.name, reason=reason)
            await delivery.park(reason)
            metrics.DELIVERIES.labels(self._queue.name, "parked").inc()
            return
        try:
            await self._handler(delivery)
        finally:
            if not delivery.settled:
                await self._give_back(delivery)

    async def _give_back(self, delivery: PostgresDelivery) -> None:
        """When it fails this holder ends, and everybody sees that what it held is free."""
        try:
            await delivery.release()
        except TransportUnavailableError as error:
            _log.warning("delivery_not_released", queue=self._queue.name, error=str(error))
            self._holder.lost = True

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._holder.wake_up.wait()
        except TimeoutError:
            return

    async def _housekeeping(self) -> None:
        """Free what dead or hanging consumers held, and keep the leases on what this one holds."""
        ticks = 0
        while True:
            try:
                if await self._pool.fetchval(_HELD_BY_OTHERS, self._queue.name, self._holder.number):
                    await self._pool.execute(_FREE_THE_ABANDONED, self._queue.name, LOCK_CLASS)
                if ticks % RENEW_TICKS == 0:
                    await self._pool.execute(_RENEW, self._queue.name, self._holder.number, LEASE)
            except AWAY as error:
                _log.warning("leases_not_kept", queue=self._queue.name, error=str(error))
            ticks += 1
            await asyncio.sleep(POLL_SECONDS)

    async def _release_claimed(self) -> None:
        try:
            await self._pool.execute(_RELEASE_ALL, self._queue.name, self._holder.number)
        except AWAY as error:
            _log.warning("claims_not_released", queue=self._queue.name, error=str(error))
