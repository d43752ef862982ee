"""What opens when a process starts and closes when it stops."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from redis.asyncio import Redis

from gateway.access.service import RouteTables
from gateway.database import INBOX, OUTBOX
from gateway.settings import Settings
from shared.database.unit_of_work import Database
from shared.messaging.connect import open_transport
from shared.messaging.transport import Transport
from shared.web.health import Check


@dataclass
class SigningKeys:
    """The first of `current` signs, all verify; it is exchanged whole when the key file changes."""

    current: tuple[Ed25519PrivateKey, ...]


@dataclass(frozen=True)
class Resources:
    """`documents`: last good OpenAPI document per service; `provider_documents`: the identity provider's, by URL."""

    settings: Settings
    signing_keys: SigningKeys
    routes: RouteTables
    database: Database
    redis: "Redis | None"
    transport: Transport
    http: httpx.AsyncClient
    password_threads: ThreadPoolExecutor
    password_slots: asyncio.Semaphore
    documents: dict[str, Any] = field(default_factory=dict)
    provider_documents: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def open_resources(
    settings: Settings, signing_keys: SigningKeys, routes: RouteTables
) -> AsyncIterator[Resources]:
    database = Database(
        settings.database_url,
        owner="gateway",
        outbox=OUTBOX,
        inbox=INBOX,
        pool_size=settings.database_pool_size,
        statement_timeout_seconds=settings.database_statement_timeout_seconds,
    )
    redis = None
    if settings.redis_url is not None:
        redis = Redis.from_url(settings.redis_url, socket_connect_timeout=1.0, max_connections=64)
    threads = ThreadPoolExecutor(settings.password_hash_threads, thread_name_prefix="password")
    http = httpx.AsyncClient(timeout=5.0, follow_redirects=False)
    slots = asyncio.Semaphore(settings.password_hash_threads + settings.password_hash_waiting)
    try:
        async with open_transport(settings.effective_broker_url, "gateway") as transport:
            yield Resources(settings, signing_keys, routes, database, redis, transport, http, threads, slots)
    finally:
        await http.aclose()
        threads.shutdown(cancel_futures=True)
        if redis is not None:
            await redis.aclose()
        await database.close()


def checks(resources: Resources) -> Mapping[str, Check]:
    """What readiness asks; without Redis the gateway counts alone and caches nothing.

    Without the broker it does not hear of changes: kept answers live as long as their route says.
    """
    asked = {
        "database": Check(resources.database.check),
        "broker": Check(resources.transport.check, required=False),
    }
    redis = resources.redis
    if redis is not None:

        async def ping() -> None:
            await redis.ping()

        asked["redis"] = Check(ping, required=False)
    return asked
