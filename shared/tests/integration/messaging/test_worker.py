"""The worker as a process."""

import signal
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest

from local.infrastructure.ports import free_port

SCRIPT = """
import asyncio, sys
from contextlib import asynccontextmanager
from shared.messaging.worker import BackgroundTask, run_worker
from shared.settings import ServiceSettings

async def run():
    print("in hand", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.3)
        print("finished", flush=True)

@asynccontextmanager
async def open_tasks():
    yield [BackgroundTask("run", run)]
    print("resources closed", flush=True)

run_worker("test worker", ServiceSettings(database_url="postgresql://x/y", worker_metrics_port=int(sys.argv[1])), open_tasks)
print("returned", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_closes_and_exits_with_zero(number):
    port = free_port()
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        lines = iter(worker.stdout.readline, "")
        assert any("in hand" in line for line in lines)
        deadline = time.monotonic() + 10
        while True:
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2).read().decode()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert "messaging_worker_task_restarts_total" in page
        worker.send_signal(number)
        rest = worker.communicate(timeout=20)[0]
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0
    order = [rest.index(word) for word in ("worker_stopping", "finished", "resources closed", "returned")]
    assert order == sorted(order)
