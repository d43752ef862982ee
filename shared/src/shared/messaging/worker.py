"""Background work of a service: in a process of its own, or inside the HTTP process on one machine."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import start_http_server

from shared.messaging import metrics
from shared.messaging.failures import backoff
from shared.observability.logging import configure_logging, get_logger
from shared.observability.metrics import sample_event_loop_lag
from shared.observability.tracing import configure_tracing
from shared.settings import ServiceSettings

FIRST_RESTART_SECONDS = 1.0
LONGEST_RESTART_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 35.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """`run` is called again after it failed, with growing pauses; a run that returns is finished for good."""

    name: str
    run: Callable[[], Awaitable[None]]


OpenTasks = Callable[[], AbstractAsyncContextManager[Sequence[BackgroundTask]]]


@asynccontextmanager
async def background(tasks: Sequence[BackgroundTask]) -> AsyncIterator[None]:
    """Run the tasks beside the block; at its end they are cancelled and have `STOP_SECONDS` to finish."""
    running = {asyncio.create_task(_supervise(task), name=task.name) for task in tasks}
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        if running:
            _, late = await asyncio.wait(running, timeout=STOP_SECONDS)
            for task in late:
                _log.error("task_did_not_stop", task=task.get_name(), after_seconds=STOP_SECONDS)


def run_worker(service: str, settings: ServiceSettings, open_tasks: OpenTasks) -> None:
    """The whole life of a worker process; returns after SIGTERM or SIGINT, when everything in hand is finished.

    `open_tasks` opens what the tasks need and yields them; it is left after the last task has stopped.
    """
    configure_logging(service, settings.log_level, settings.log_format)
    configure_tracing(service, settings.otlp_endpoint)
    asyncio.run(_run(settings.worker_metrics_port, settings.host, open_tasks))


async def _run(metrics_port: int, host: str, open_tasks: OpenTasks) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_tasks() as tasks:
        server = start_http_server(metrics_port, addr=host)[0] if metrics_port else None
        try:
            async with background([*tasks, BackgroundTask("event loop lag", sample_event_loop_lag)]):
                _log.info("worker_started", tasks=[task.name for task in tasks], metrics_port=metrics_port)
                await stop.wait()
                _log.info("worker_stopping")
        finally:
            if server is not None:
                await asyncio.to_thread(server.shutdown)
                server.server_close()
    _log.info("worker_stopped")


async def _supervise(task: BackgroundTask) -> None:
    pauses = backoff(FIRST_RESTART_SECONDS, LONGEST_RESTART_SECONDS)
    while True:
        started = time.monotonic()
        try:
            await task.run()
        except Exception as error:  # noqa: BLE001 -- a task that fails must not end the others; the log has it
            if time.monotonic() - started > HEALTHY_SECONDS:
                pauses = backoff(FIRST_RESTART_SECONDS, LONGEST_RESTART_SECONDS)
            seconds = next(pauses)
            metrics.TASK_RESTARTS.labels(task.name).inc()
            _log.error("task_failed", task=task.name, again_in=seconds, exc_info=error)
            await asyncio.sleep(seconds)
        else:
            return
