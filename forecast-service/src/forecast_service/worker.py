"""Background work in a process of its own: python -m forecast_service.worker."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from forecast_service.app import open_tasks
from forecast_service.resources import open_resources
from forecast_service.settings import Settings
from shared.messaging.worker import BackgroundTask, run_worker


def main() -> None:
    settings = Settings()

    @asynccontextmanager
    async def open_all() -> AsyncIterator[Sequence[BackgroundTask]]:
        async with open_resources(settings) as resources, open_tasks(settings, resources) as tasks:
            yield tasks

    run_worker("forecast", settings, open_all)


if __name__ == "__main__":
    main()
