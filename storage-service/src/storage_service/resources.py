"""What opens when a process starts and closes when it stops."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from obstore.store import LocalStore, ObjectStore, from_url

from shared.clients.http import GatewayClient
from shared.database.idempotency import IdempotentRequests
from shared.database.unit_of_work import Database
from shared.web.health import Check
from storage_service.database import idempotency_keys, inbox, outbox
from storage_service.settings import Settings


@dataclass(frozen=True)
class Resources:
    settings: Settings
    database: Database
    gateway: GatewayClient
    objects: ObjectStore
    idempotent: IdempotentRequests


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    database = Database(
        settings.database_url,
        owner="storage",
        outbox=outbox,
        inbox=inbox,
        pool_size=settings.database_pool_size,
        statement_timeout_seconds=settings.database_statement_timeout_seconds,
    )
    if settings.work_directory is not None:
        settings.work_directory.mkdir(parents=True, exist_ok=True)
    gateway = GatewayClient(settings.gateway_url, settings.client_id, settings.client_secret)
    try:
        yield Resources(settings, database, gateway, _open_objects(settings), IdempotentRequests(idempotency_keys))
    finally:
        await gateway.close()
        await database.close()


def _open_objects(settings: Settings) -> ObjectStore:
    """The URL wins over the folder; its credentials come from the environment, as each cloud's own tools read them."""
    if settings.files_url is not None:
        return from_url(
            settings.files_url,
            # The scheme of the endpoint decides; stores inside a cluster often have no certificate.
            client_options={"timeout": "60s", "connect_timeout": "5s", "allow_http": True},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
        )
    settings.files_directory.mkdir(parents=True, exist_ok=True)
    return LocalStore(settings.files_directory, mkdir=True)


def checks(resources: Resources) -> Mapping[str, Check]:
    """What readiness asks; without the file store the service still answers about jobs."""

    async def objects() -> None:
        # The store has to answer that there is no such object.
        try:
            await resources.objects.head_async("readiness-check")
        except FileNotFoundError:
            return

    return {"database": Check(resources.database.check), "file_store": Check(objects, required=False)}
