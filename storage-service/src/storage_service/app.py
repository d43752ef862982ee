"""Lists what storage-service serves, and what it does in the background."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from shared.database.schedule import run_periodically
from shared.messaging.connect import open_transport
from shared.messaging.consumer import Consumers
from shared.messaging.relay import Relay
from shared.messaging.transport import Transport
from shared.messaging.worker import BackgroundTask
from shared.messaging.worker import background as run_background
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.identity import KeySource
from storage_service.backups.jobs import BackupJobs
from storage_service.backups.router import router as backups
from storage_service.database import outbox
from storage_service.exports.consumer import subscriptions
from storage_service.exports.jobs import ExportJobs
from storage_service.exports.router import router as exports
from storage_service.files.router import router as files
from storage_service.files.service import create_file_service
from storage_service.resources import Resources, checks, open_resources
from storage_service.settings import Settings
from storage_service.sheets.router import router as sheets


def tasks_of(resources: Resources, transport: Transport) -> Sequence[BackgroundTask]:
    database = resources.database
    every = partial(run_periodically, database, interval_seconds=resources.settings.maintenance_interval_seconds)
    export_jobs, backup_jobs = ExportJobs(resources), BackupJobs(resources)
    consumers = Consumers("storage", database.unit_of_work, transport, subscriptions(resources))
    return [
        BackgroundTask("exports", export_jobs.run),
        BackgroundTask("backups", backup_jobs.run_backups),
        BackgroundTask("restorations", backup_jobs.run_restorations),
        BackgroundTask("expiring exports", partial(every, name="expire_exports", action=export_jobs.expire)),
        BackgroundTask("removing contents", partial(every, name="sweep", action=create_file_service(resources).sweep)),
        BackgroundTask("backup schedule", partial(every, name="backups", action=backup_jobs.maintain)),
        BackgroundTask("backup figures", backup_jobs.show_figures_for_ever),
        BackgroundTask("consumers", consumers.run),
        BackgroundTask("outbox relay", Relay(database.engine, outbox, transport).run),
    ]


@asynccontextmanager
async def open_tasks(settings: Settings, resources: Resources) -> AsyncIterator[Sequence[BackgroundTask]]:
    async with open_transport(settings.effective_broker_url, "storage") as transport:
        yield tasks_of(resources, transport)


@asynccontextmanager
async def background(settings: Settings, resources: Resources) -> AsyncIterator[None]:
    """For one machine: the worker's tasks inside the HTTP process."""
    async with open_tasks(settings, resources) as tasks, run_background(tasks):
        yield


def create_app(settings: Settings, keys: KeySource | None = None) -> FastAPI:
    definition = ServiceDefinition[Settings, Resources](
        owner="storage",
        title="storage-service",
        description="Exports of the plan, Google Sheets, files, backups.",
        open_resources=open_resources,
        checks=checks,
        routers=[exports, sheets, files, backups],
        background=background,
    )
    return create_service_app(definition, settings, keys)
