"""Lists what data-service serves, and what it does in the background."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from data_service.catalog.router import router as catalog
from data_service.database import outbox
from data_service.demand.router import router as demand
from data_service.imports.jobs import create_import_worker
from data_service.imports.router import router as imports
from data_service.purchasing.router import router as purchasing
from data_service.resources import Resources, checks, open_resources
from data_service.sales.router import router as sales
from data_service.settings import Settings
from data_service.stock.router import router as stock
from shared.database.schedule import run_periodically
from shared.messaging.connect import open_transport
from shared.messaging.relay import Relay
from shared.messaging.transport import Transport
from shared.messaging.worker import BackgroundTask
from shared.messaging.worker import background as run_background
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.identity import KeySource

_SWEEP_SECONDS = 600.0


def tasks_of(resources: Resources, transport: Transport) -> Sequence[BackgroundTask]:
    database = resources.database
    worker = create_import_worker(resources)
    return [
        BackgroundTask("imports", worker.run),
        BackgroundTask(
            "removing orphaned uploads",
            partial(run_periodically, database, "sweep_uploads", _SWEEP_SECONDS, worker.sweep),
        ),
        BackgroundTask("outbox relay", Relay(database.engine, outbox, transport).run),
    ]


@asynccontextmanager
async def open_tasks(settings: Settings, resources: Resources) -> AsyncIterator[Sequence[BackgroundTask]]:
    async with open_transport(settings.effective_broker_url, "data") as transport:
        yield tasks_of(resources, transport)


@asynccontextmanager
async def background(settings: Settings, resources: Resources) -> AsyncIterator[None]:
    """For one machine: the worker's tasks inside the HTTP process."""
    async with open_tasks(settings, resources) as tasks, run_background(tasks):
        yield


def create_app(settings: Settings, keys: KeySource | None = None) -> FastAPI:
    definition = ServiceDefinition[Settings, Resources](
        owner="data",
        title="data-service",
        description="Products, sales, stock, purchase orders, imports and clean demand.",
        open_resources=open_resources,
        checks=checks,
        routers=[imports, catalog, sales, stock, purchasing, demand],
        background=background,
    )
    return create_service_app(definition, settings, keys)
