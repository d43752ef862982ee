"""kill -9 of the worker in the middle of an import: nothing of the file is there, or all of it, and the import says which."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from data_service.resources import Resources
from data_service.settings import Settings
from sqlalchemy import text

ROWS = 250_000
MOMENTS = 4
CONTENT = "date,sku,quantity\n" + "".join(f"2024-{1 + i % 12:02}-{1 + i % 28:02},P{i},1\n" for i in range(ROWS)) + "x,P1,1\n"

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


async def stored_rows(resources: Resources) -> tuple[int, int]:
    async with resources.database.engine.connect() as connection:
        sales = (await connection.execute(text("SELECT count(*) FROM data.sales"))).scalar_one()
        articles = (await connection.execute(text("SELECT count(*) FROM data.products"))).scalar_one()
        return sales, articles


async def status_of(client: httpx.AsyncClient, import_id: str) -> tuple[str, float]:
    record = (await client.get(f"/v1/imports/{import_id}")).json()
    return record["status"], record["progress"]


async def test_an_import_killed_at_any_moment_is_there_wholly_or_not_at_all(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    randomness = random.Random(20261122)
    import_id = (await client.post("/v1/imports", params={"kind": "sales"}, content=CONTENT)).json()["id"]
    kills = 0
    for _ in range(MOMENTS):
        async with worker_process(settings) as process:
            while (await status_of(client, import_id))[0] == "queued":
                await asyncio.sleep(0.05)
            started = await attempts(resources)
            while await attempts(resources) == started == kills and (await status_of(client, import_id))[0] == "running":
                await asyncio.sleep(0.02)
            await asyncio.sleep(randomness.uniform(0.1, 1.5))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        status, _ = await status_of(client, import_id)
        if status == "completed":
            break
        kills += 1
        assert status == "running"
        assert await stored_rows(resources) == (0, 0)
    assert kills >= 1
    async with worker_process(settings):
        while (await status_of(client, import_id))[0] != "completed":
            await asyncio.sleep(0.1)
    assert await stored_rows(resources) == (ROWS, ROWS)
    record = (await client.get(f"/v1/imports/{import_id}")).json()
    assert record["counts"] == {"read": ROWS + 1, "applied": ROWS, "unchanged": 0, "cleaned": 0, "quarantined": 1}
    quarantined = (await client.get(f"/v1/imports/{import_id}/quarantine")).json()["items"]
    assert [row["line"] for row in quarantined] == [ROWS + 2]


async def attempts(resources: Resources) -> int:
    async with resources.database.engine.connect() as connection:
        return int((await connection.execute(text("SELECT max(attempts) FROM data.imports"))).scalar_one())
