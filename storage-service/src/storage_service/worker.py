"""Background work in a process of its own. `python -m storage_service.worker`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared.messaging.worker import BackgroundTask, run_worker
from storage_service.app import open_tasks
from storage_service.resources import open_resources
from storage_service.settings import Settings


def main() -> None:
    settings = Settings()

    @asynccontextmanager
    async def open_all() -> AsyncIterator[Sequence[BackgroundTask]]:
        async with open_resources(settings) as resources, open_tasks(settings, resources) as tasks:
            yield tasks

    run_worker("storage", settings, open_all)


if __name__ == "__main__":
    main()
