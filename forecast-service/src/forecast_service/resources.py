"""What opens when a process starts and closes when it stops."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from forecast_service.database import idempotency_keys, inbox, outbox
from forecast_service.settings import Settings
from shared.clients.data_client import DataClient
from shared.clients.http import GatewayClient
from shared.database.idempotency import IdempotentRequests
from shared.database.unit_of_work import Database
from shared.web.health import Check


@dataclass(frozen=True)
class Resources:
    settings: Settings
    database: Database
    idempotent: IdempotentRequests
    data: DataClient


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    database = Database(
        settings.database_url,
        owner="forecast",
        outbox=outbox,
        inbox=inbox,
        pool_size=settings.database_pool_size,
        statement_timeout_seconds=settings.database_statement_timeout_seconds,
    )
    gateway = GatewayClient(settings.gateway_url, settings.client_id, settings.client_secret)
    try:
        yield Resources(settings, database, IdempotentRequests(idempotency_keys), DataClient(gateway))
    finally:
        await gateway.close()
        await database.close()


def checks(resources: Resources) -> Mapping[str, Check]:
    return {"database": Check(resources.database.check)}
