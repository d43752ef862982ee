"""Background work: probes, consumers, outbox relay. `python -m monitoring_service.worker`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from monitoring_service.activity.consumer import subscriptions
from monitoring_service.activity.jobs import show_activity_for_ever
from monitoring_service.database import outbox
from monitoring_service.health.jobs import forget_old_results_for_ever, probe_for_ever
from monitoring_service.health.service import Watch
from monitoring_service.resources import Resources, open_resources
from monitoring_service.settings import Settings
from shared.messaging.consumer import Consumers
from shared.messaging.relay import Relay
from shared.messaging.worker import BackgroundTask, background, run_worker


def tasks_of(settings: Settings, resources: Resources) -> Sequence[BackgroundTask]:
    database = resources.database
    watch = Watch.of(settings, resources)
    consumers = Consumers("monitoring", database.unit_of_work, resources.transport, subscriptions())
    return [
        BackgroundTask("probes", partial(probe_for_ever, watch, settings.probe_interval_seconds)),
        BackgroundTask("forgetting probe results", partial(forget_old_results_for_ever, database, watch)),
        BackgroundTask("activity metrics", partial(show_activity_for_ever, database)),
        BackgroundTask("consumers", consumers.run),
        BackgroundTask("outbox relay", Relay(database.engine, outbox, resources.transport).run),
    ]


@asynccontextmanager
async def tasks_beside(settings: Settings, resources: Resources) -> AsyncIterator[None]:
    """For one machine: the same work inside the HTTP process."""
    async with background(tasks_of(settings, resources)):
        yield


def main() -> None:
    settings = Settings()

    @asynccontextmanager
    async def open_tasks() -> AsyncIterator[Sequence[BackgroundTask]]:
        async with open_resources(settings) as resources:
            yield tasks_of(settings, resources)

    run_worker("monitoring", settings, open_tasks)


if __name__ == "__main__":
    main()
