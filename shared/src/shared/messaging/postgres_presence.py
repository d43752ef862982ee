"""The one connection that shows a process's consumers to be alive, and wakes them.

Each consumption holds an advisory lock on it, whose number is the `holder` of its messages in hand: when the process
dies, the connection goes, the locks go, and everybody sees at once that those messages are free.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from shared.messaging.postgres_errors import AWAY

CHANNEL = "procurement_bus"
LOCK_CLASS = 0x62757321


@dataclass(slots=True)
class Holder:
    """`number` is valid until `lost`; `wake_up` is set when something was published to the queue, and at the loss."""

    number: int
    queue: str
    wake_up: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False


class Presence:
    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._url = url
        self._options = options
        self._connection: Any = None
        self._holders: dict[int, Holder] = {}
        self._busy = asyncio.Lock()

    @asynccontextmanager
    async def hold(self, queue: str) -> AsyncIterator[Holder]:
        async with self._busy:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._open()
            holder = Holder(await _lock(self._connection), queue)
            self._holders[holder.number] = holder
        try:
            yield holder
        finally:
            await self._let_go(holder)

    async def close(self) -> None:
        if self._connection is not None and not self._connection.is_closed():
            self._connection.terminate()

    async def _open(self) -> Any:
        connection = await asyncpg.connect(self._url, **self._options)
        try:
            # A peer that vanished without closing (power, network) is noticed in about 30 seconds, not two hours.
            await connection.execute(
                "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
            )
            await connection.add_listener(CHANNEL, self._on_notify)
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._on_lost)
        return connection

    async def _let_go(self, holder: Holder) -> None:
        if self._holders.pop(holder.number, None) is None:
            return
        try:
            async with self._busy:
                await self._connection.execute("SELECT pg_advisory_unlock($1::int, $2::int)", LOCK_CLASS, holder.number)
        except AWAY:
            # A lock that may not be free must not outlive this holder; the other holders open a new connection.
            self._connection.terminate()

    def _on_notify(self, _connection: Any, _pid: int, _channel: str, queue: Any) -> None:
        for holder in self._holders.values():
            if holder.queue == queue:
                holder.wake_up.set()

    def _on_lost(self, connection: Any) -> None:
        if connection is not self._connection:
            return
        for holder in self._holders.values():
            holder.lost = True
            holder.wake_up.set()
        self._holders.clear()


async def _lock(connection: Any) -> int:
    while True:
        number = secrets.randbelow(2**31 - 1) + 1
        if await connection.fetchval("SELECT pg_try_advisory_lock($1::int, $2::int)", LOCK_CLASS, number):
            return number
