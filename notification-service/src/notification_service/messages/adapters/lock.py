"""One sender of all replicas: an advisory lock on a connection of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_NAME = "notification:sender"


class SenderLock:
    """Held as long as the connection lives; `check` raises the driver's error when it does not any more."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def check(self) -> None:
        await self._connection.execute(text("SELECT 1"))


@asynccontextmanager
async def sender_lock(engine: AsyncEngine, poll_seconds: float) -> AsyncIterator[SenderLock]:
    """Waits until no other process has it."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        # A host that vanished without closing its connection must not keep the lock for TCP's default of two hours.
        for setting, value in (("idle", 15), ("interval", 5), ("count", 3)):
            await connection.execute(text(f"SET tcp_keepalives_{setting} = {value}"))
        take = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        try:
            while not (await connection.execute(take, {"name": _NAME})).scalar_one():  # noqa: ASYNC110 -- in PostgreSQL
                await asyncio.sleep(poll_seconds)
            yield SenderLock(connection)
        finally:
            await connection.invalidate()
