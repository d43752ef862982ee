"""The application on a fresh database, a client with an identity, and a worker that imports when told to."""

import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from data_service.app import create_app
from data_service.imports.jobs import create_import_worker
from data_service.resources import Resources, open_resources
from data_service.settings import Settings
from shared.testing.asgi import service_client
from shared.testing.identities import TEST_KEYS, identity_headers

OWNER = "data"


@pytest.fixture
def settings(database_url_for: Callable[[str], str], tmp_path: Path) -> Settings:
    return Settings(
        environment="test",
        database_url=database_url_for(OWNER),
        spool_directory=tmp_path / "spool",
        import_poll_seconds=0.05,
        import_lease_seconds=2,
        import_max_bytes=64 << 20,
    )


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as opened:
        yield opened


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Requests of an administrator, whose token outlives the longest test."""
    async with service_client(create_app(settings, TEST_KEYS), OWNER, exp=int(time.time()) + 3600) as opened:
        yield opened


@pytest.fixture
def as_role() -> Callable[..., dict[str, str]]:
    """Headers of somebody with these roles only."""

    def headers(*roles: str, subject: str = "00000000-0000-7000-8000-0000000000aa") -> dict[str, str]:
        return identity_headers(OWNER, roles=list(roles), sub=subject)

    return headers


ImportFile = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def import_file(client: httpx.AsyncClient, resources: Resources) -> ImportFile:
    """Uploads, lets the worker import, returns the finished import."""

    async def run(kind: str, content: str | bytes, *, packed: bool = False, **params: Any) -> dict[str, Any]:
        data = content.encode() if isinstance(content, str) else content
        body = gzip.compress(data) if packed else data
        answer = await client.post("/v1/imports", params={"kind": kind, **params}, content=body)
        assert answer.status_code == 202, answer.text
        assert await create_import_worker(resources).run_once()
        finished = (await client.get(answer.headers["location"])).json()
        assert finished["status"] in {"completed", "failed"}, finished
        counts = finished["counts"]
        if finished["status"] == "completed":
            assert counts["read"] == sum(counts[part] for part in ("applied", "unchanged", "cleaned", "quarantined"))
        return finished

    return run


@pytest.fixture
def quarantine(client: httpx.AsyncClient) -> Callable[[dict[str, Any]], Awaitable[list[dict[str, Any]]]]:
    async def rows(finished: dict[str, Any]) -> list[dict[str, Any]]:
        page = (await client.get(f"/v1/imports/{finished['id']}/quarantine", params={"limit": 1000})).json()
        assert page["next_cursor"] is None
        return page["items"]

    return rows


@pytest.fixture
def events(resources: Resources) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """Envelopes in the outbox, in order."""

    async def read() -> list[dict[str, Any]]:
        async with resources.database.engine.connect() as connection:
            rows = await connection.execute(text("SELECT envelope FROM data.outbox ORDER BY sequence"))
            return [row.envelope for row in rows]

    return read
