"""The embedded transport: tables in PostgreSQL instead of a broker (schema in postgres_schema.sql)."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID

import asyncpg

from shared.events.envelope import Envelope
from shared.messaging.postgres_consumption import consume
from shared.messaging.postgres_errors import translated
from shared.messaging.postgres_presence import CHANNEL, Presence
from shared.messaging.topics import topic_matches
from shared.messaging.transport import DeadLetter, DeliveryHandler, QueueSpec, UnroutableError

OPERATION_TIMEOUT_SECONDS = 5.0
POOL_SIZE = 4


class PostgresTransport:
    def __init__(self, pool: asyncpg.Pool, presence: Presence) -> None:
        self._pool = pool
        self._presence = presence

    @classmethod
    async def open(cls, url: str, client_name: str) -> Self:
        """Connects when first used: a process starts, and reports degraded, while the database is away."""
        options: dict[str, Any] = {
            "timeout": OPERATION_TIMEOUT_SECONDS,
            "command_timeout": OPERATION_TIMEOUT_SECONDS,
            "server_settings": {"application_name": client_name},
        }
        pool = await asyncpg.create_pool(url, min_size=0, max_size=POOL_SIZE, **options)
        return cls(pool, Presence(url, options))

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        unroutable: list[UUID] = []
        rows: list[tuple[str, str, bytes]] = []
        async with self._transaction() as connection:
            bindings = await connection.fetch("SELECT queue, pattern FROM bus.binding")
            for envelope in envelopes:
                queues = {queue for queue, pattern in bindings if topic_matches(pattern, envelope.type)}
                if not queues:
                    unroutable.append(envelope.id)
                body = envelope.to_bytes()
                rows.extend((queue, envelope.type, body) for queue in sorted(queues))
            await _store(connection, rows)
        if unroutable:
            raise UnroutableError(unroutable)

    async def declare(self, queue: QueueSpec) -> None:
        async with self._transaction() as connection:
            await connection.execute(
                "DELETE FROM bus.binding WHERE queue = $1 AND pattern <> ALL($2::text[])",
                queue.name,
                queue.routing_keys,
            )
            await connection.execute(
                "INSERT INTO bus.binding SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
                queue.name,
                queue.routing_keys,
            )

    async def consume(self, queue: QueueSpec, handler: DeliveryHandler) -> None:
        await consume(self._pool, self._presence, queue, handler)

    async def dead_letters(self, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        async with self._transaction() as connection:
            rows = await connection.fetch(
                "SELECT * FROM bus.dead WHERE queue = coalesce($1, queue) ORDER BY parked_at, id LIMIT $2", queue, limit
            )
        return [DeadLetter(**row) for row in rows]

    async def replay(self, ids: Collection[UUID]) -> list[DeadLetter]:
        """The original queue is a name on the message: a consumer that comes back later finds it."""
        async with self._transaction() as connection:
            letters = await _take(connection, ids)
            await _store(connection, [(letter.queue, letter.routing_key, letter.body) for letter in letters])
        return letters

    async def discard(self, ids: Collection[UUID]) -> list[DeadLetter]:
        async with self._transaction() as connection:
            return await _take(connection, ids)

    async def check(self) -> None:
        async with self._transaction() as connection:
            await connection.fetchval("SELECT 1 FROM bus.binding LIMIT 1")

    async def close(self) -> None:
        await self._presence.close()
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        with translated():
            async with (
                asyncio.timeout(OPERATION_TIMEOUT_SECONDS),
                self._pool.acquire() as connection,
                connection.transaction(),
            ):
                yield connection


async def _store(connection: Any, rows: Sequence[tuple[str, str, bytes]]) -> None:
    """COPY keeps the order of the rows in their ids. The notification is sent at commit, once per queue."""
    if rows:
        await connection.copy_records_to_table(
            "message", schema_name="bus", columns=["queue", "routing_key", "body"], records=rows
        )
        queues = sorted({queue for queue, _, _ in rows})
        await connection.execute("SELECT pg_notify($1, queue) FROM unnest($2::text[]) AS queue", CHANNEL, queues)


async def _take(connection: Any, ids: Collection[UUID]) -> list[DeadLetter]:
    rows = await connection.fetch("DELETE FROM bus.dead WHERE id = ANY($1::uuid[]) RETURNING *", list(ids))
    return sorted((DeadLetter(**row) for row in rows), key=lambda letter: (letter.parked_at, letter.id))
