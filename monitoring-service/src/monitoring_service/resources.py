"""What opens at start and closes at stop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx

from monitoring_service.database import inbox, outbox
from monitoring_service.settings import Settings
from shared.database.unit_of_work import Database
from shared.messaging.connect import open_transport
from shared.messaging.transport import Transport

_LIVE_SECONDS = 10.0
ValueT = TypeVar("ValueT")


class Cached(Generic[ValueT]):
    """The last value for a while; whoever comes while it is being made waits for that one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._made_at = 0.0
        self._value: ValueT | None = None

    async def get(self, make: Callable[[], Awaitable[ValueT]]) -> ValueT:
        async with self._lock:
            if self._value is None or time.monotonic() - self._made_at >= self._seconds:
                self._value = await make()
                self._made_at = time.monotonic()
            return self._value


@dataclass(frozen=True)
class Resources:
    """`probe_client` opens a connection per probe: a kept-alive one would hide a server that accepts no more."""

    database: Database
    transport: Transport
    probe_client: httpx.AsyncClient
    live_round: Cached[Any]


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    async with AsyncExitStack() as stack:
        database = Database(
            settings.database_url,
            owner="monitoring",
            outbox=outbox,
            inbox=inbox,
            pool_size=settings.database_pool_size,
            statement_timeout_seconds=settings.database_statement_timeout_seconds,
        )
        stack.push_async_callback(database.close)
        transport = await stack.enter_async_context(open_transport(settings.effective_broker_url, "monitoring"))
        client = httpx.AsyncClient(
            timeout=settings.probe_timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "procurement-monitoring", "Connection": "close"},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        stack.push_async_callback(client.aclose)
        yield Resources(database, transport, client, Cached(_LIVE_SECONDS))
