"""Publishing what stands in a service's outbox, in order, until the broker has confirmed it (docs/adr/0006)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.messaging import metrics
from shared.messaging.failures import INFRASTRUCTURE, backoff, describe
from shared.messaging.outbox_rows import OutboxRows
from shared.messaging.relay_turn import RelayTurn
from shared.messaging.transport import Transport, TransportUnavailableError
from shared.observability.logging import get_logger

OBSERVE_SECONDS = 5.0
PRUNE_SECONDS = 600.0
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0

_log = get_logger(__name__)


class Relay:
    """One relay per schema is active, the others stand by. Keeps one connection of the pool as long as it is active.

    All its statements run on the connection that holds the lock: whoever lost the lock cannot mark rows any more.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        outbox: Table,
        transport: Transport,
        *,
        batch_size: int = 100,
        poll_seconds: float = 1.0,
        keep_published_days: int = 7,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._transport = transport
        self._batch_size = batch_size
        self._poll_seconds = poll_seconds
        self._keep_published_days = keep_published_days
        self._owner = outbox.schema or "public"

    async def run(self) -> None:
        waits = backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        while True:
            try:
                async with self._engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    if await self._locked(connection):
                        waits = backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
                        await self._lead(connection)
            except INFRASTRUCTURE as error:
                _log.warning("relay_interrupted", owner=self._owner, error=describe(error))
                await asyncio.sleep(next(waits))
            else:
                await asyncio.sleep(self._poll_seconds)

    async def _locked(self, connection: AsyncConnection) -> bool:
        lock = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        return bool((await connection.execute(lock, {"name": f"relay:{self._owner}"})).scalar_one())

    async def _lead(self, connection: AsyncConnection) -> None:
        """Publish until something fails. The connection is closed at the end, which gives the lock back."""
        metrics.RELAY_ACTIVE.labels(self._owner).set(1)
        try:
            async with _listening(connection, f"outbox_{self._owner}") as woken:
                await self._publish_for_ever(OutboxRows(connection, self._outbox), woken)
        finally:
            metrics.RELAY_ACTIVE.labels(self._owner).set(0)
            await connection.invalidate()

    async def _publish_for_ever(self, rows: OutboxRows, woken: asyncio.Event) -> None:
        turn = RelayTurn(self._owner, rows, self._transport, self._batch_size)
        waits = backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        observe_at = prune_at = 0.0
        while True:
            now = time.monotonic()
            if now >= observe_at:
                await self._observe(rows)
                observe_at = now + OBSERVE_SECONDS
            if now >= prune_at:
                await rows.prune(self._keep_published_days)
                prune_at = now + PRUNE_SECONDS
            woken.clear()
            try:
                moved = await turn.publish_batch()
            except TransportUnavailableError as error:
                metrics.PUBLISH_FAILURES.labels(self._owner, "unavailable").inc()
                _log.warning("publish_failed", owner=self._owner, error=describe(error))
                await asyncio.sleep(next(waits))
                continue
            waits = backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
            if not moved:
                await _wait(woken, self._poll_seconds)

    async def _observe(self, rows: OutboxRows) -> None:
        waiting, oldest_age_seconds = await rows.depth()
        metrics.OUTBOX_UNPUBLISHED.labels(self._owner).set(waiting)
        metrics.OUTBOX_OLDEST_AGE.labels(self._owner).set(oldest_age_seconds)


@asynccontextmanager
async def _listening(connection: AsyncConnection, channel: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set at every commit that put something into the outbox."""
    woken = asyncio.Event()
    driver: Any = (await connection.get_raw_connection()).driver_connection

    def wake(*_: Any) -> None:
        woken.set()

    # A host that vanished without closing its connection must not keep the lock for the two hours of TCP's default.
    await driver.execute("SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3")
    await driver.add_listener(channel, wake)
    yield woken


async def _wait(woken: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await woken.wait()
    except TimeoutError:
        return
