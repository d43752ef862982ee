"""What opens when a process starts and closes when it stops."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from data_service.database import idempotency_keys, inbox, outbox
from data_service.settings import Settings
from shared.database.idempotency import IdempotentRequests
from shared.database.unit_of_work import Database
from shared.web.health import Check


@dataclass(frozen=True)
class Resources:
    settings: Settings
    database: Database
    idempotent: IdempotentRequests


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    database = Database(
        settings.database_url,
        owner="data",
        outbox=outbox,
        inbox=inbox,
        pool_size=settings.database_pool_size,
        statement_timeout_seconds=settings.database_statement_timeout_seconds,
    )
    settings.spool_directory.mkdir(parents=True, exist_ok=True)
    try:
        yield Resources(settings, database, IdempotentRequests(idempotency_keys))
    finally:
        await database.close()


def checks(resources: Resources) -> Mapping[str, Check]:
    return {"database": Check(resources.database.check)}
