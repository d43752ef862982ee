"""Lists what forecast-service serves, and what it does in the background."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from forecast_service.accuracy.router import router as accuracy
from forecast_service.database import outbox
from forecast_service.forecasts.consumer import subscriptions
from forecast_service.forecasts.jobs import RunWorker, create_run_worker
from forecast_service.forecasts.router import router as forecasts
from forecast_service.forecasts.service import Planning
from forecast_service.recommendations.dependencies import create_plan_service
from forecast_service.recommendations.router import router as recommendations
from forecast_service.resources import Resources, checks, open_resources
from forecast_service.settings import Settings
from shared.database.schedule import run_periodically
from shared.messaging.connect import open_transport
from shared.messaging.consumer import Consumers
from shared.messaging.relay import Relay
from shared.messaging.transport import Transport
from shared.messaging.worker import BackgroundTask
from shared.messaging.worker import background as run_background
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.identity import KeySource

_SWEEP_SECONDS = 600.0


def worker_of(resources: Resources) -> RunWorker:
    """Forecasts know nothing of the plans made from them; here they are told what follows a run."""
    plans = create_plan_service(resources)
    return create_run_worker(resources, Planning(plans.horizon_days, plans.publish_plan, plans.forget_plans))


def tasks_of(resources: Resources, transport: Transport) -> Sequence[BackgroundTask]:
    database = resources.database
    worker = worker_of(resources)
    consumers = Consumers("forecast", database.unit_of_work, transport, subscriptions(resources.settings))
    return [
        BackgroundTask("forecast runs", worker.run),
        BackgroundTask(
            "forgetting old runs", partial(run_periodically, database, "forget_runs", _SWEEP_SECONDS, worker.sweep)
        ),
        BackgroundTask("events in", consumers.run),
        BackgroundTask("outbox relay", Relay(database.engine, outbox, transport).run),
    ]


@asynccontextmanager
async def open_tasks(settings: Settings, resources: Resources) -> AsyncIterator[Sequence[BackgroundTask]]:
    async with open_transport(settings.effective_broker_url, "forecast") as transport:
        yield tasks_of(resources, transport)


@asynccontextmanager
async def background(settings: Settings, resources: Resources) -> AsyncIterator[None]:
    """For one machine: the worker's tasks inside the HTTP process."""
    async with open_tasks(settings, resources) as tasks, run_background(tasks):
        yield


def create_app(settings: Settings, keys: KeySource | None = None) -> FastAPI:
    definition = ServiceDefinition[Settings, Resources](
        owner="forecast",
        title="forecast-service",
        description="Demand forecasts with their uncertainty, their accuracy, and what to order.",
        open_resources=open_resources,
        checks=checks,
        routers=[forecasts, accuracy, recommendations],
        background=background,
    )
    return create_service_app(definition, settings, keys)
