"""kill -9 of the worker in the middle of an import: nothing of the file is there, or all of it, and the import says which."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from data_service.resources import Resources
from data_service.settings import Settings

ROWS = 150_000
ARTICLES = 2_000
MOMENTS = 3
WAIT_SECONDS = 60

pytestmark = pytest.mark.timeout(300)


@asynccontextmanager
async def worker_process(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        **os.environ,
        "DATA_DATABASE_URL": settings.database_url,
        "DATA_SPOOL_DIRECTORY": str(settings.spool_directory),
        "DATA_IMPORT_LEASE_SECONDS": "1",
        "DATA_IMPORT_POLL_SECONDS": "0.05",
        "DATA_IMPORT_ATTEMPTS": "100",
        "DATA_WORKER_METRICS_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "data_service.worker", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def sales_of(file: int) -> str:
    """Rows of a period of their own, and one bad row at the end."""
    first = date(2000 + file, 1, 1)
    rows = (f"{first + timedelta(days=row // ARTICLES)},P{row % ARTICLES},1\n" for row in range(ROWS))
    return "date,sku,quantity\n" + "".join(rows) + "x,P1,1\n"


async def stored_rows(resources: Resources) -> int:
    async with resources.database.engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM data.sales"))).scalar_one())


async def fetched(client: httpx.AsyncClient, import_id: str) -> dict[str, Any]:
    record: dict[str, Any] = (await client.get(f"/v1/imports/{import_id}")).json()
    return record


async def attempts(resources: Resources, import_id: str) -> int:
    async with resources.database.engine.connect() as connection:
        query = text("SELECT attempts FROM data.imports WHERE id = :id")
        return int((await connection.execute(query, {"id": import_id})).scalar_one())


async def until(condition: Callable[..., Awaitable[bool]], *arguments: Any) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition(*arguments):  # noqa: ASYNC110 -- another process is what we wait for
            await asyncio.sleep(0.1)


async def test_an_import_killed_at_any_moment_is_there_wholly_or_not_at_all(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    randomness = random.Random(20261122)
    uploaded: list[str] = []
    interrupted = 0
    is_over = True
    for _ in range(MOMENTS):
        if is_over:
            answer = await client.post("/v1/imports", params={"kind": "sales"}, content=sales_of(len(uploaded)))
            uploaded.append(answer.json()["id"])
        import_id = uploaded[-1]
        before = await attempts(resources, import_id)
        async with worker_process(settings) as process:
            await until(_started, resources, import_id, before)
            await asyncio.sleep(randomness.uniform(0.0, 0.8))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        is_over = (await fetched(client, import_id))["status"] == "completed"
        interrupted += not is_over
        assert await stored_rows(resources) == ROWS * (len(uploaded) - (not is_over))
    assert interrupted
    async with worker_process(settings):
        await until(_completed, client, uploaded[-1])
    assert await stored_rows(resources) == ROWS * len(uploaded)
    for import_id in uploaded:
        counts = (await fetched(client, import_id))["counts"]
        assert counts == {"read": ROWS + 1, "applied": ROWS, "unchanged": 0, "cleaned": 0, "quarantined": 1}
        quarantined = (await client.get(f"/v1/imports/{import_id}/quarantine")).json()["items"]
        assert [row["line"] for row in quarantined] == [ROWS + 2]


async def _started(resources: Resources, import_id: str, before: int) -> bool:
    return await attempts(resources, import_id) > before


async def _completed(client: httpx.AsyncClient, import_id: str) -> bool:
    return (await fetched(client, import_id))["status"] == "completed"
