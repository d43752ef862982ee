"""The service on a real database, and a gateway in front of a forecast-service that a test fills."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from tests.fakes.forecast import FakeForecast

from local.infrastructure.postgres import PostgresServer
from shared.testing.asgi import service_client
from shared.testing.identities import TEST_KEYS
from storage_service.app import create_app
from storage_service.resources import Resources, open_resources
from storage_service.settings import Settings


@pytest.fixture
async def forecast() -> AsyncIterator[FakeForecast]:
    forecast = FakeForecast()
    runner = web.AppRunner(forecast.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    forecast.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield forecast
    await runner.cleanup()


@pytest.fixture
def database_url(database_url_for: Callable[[str], str]) -> str:
    return database_url_for("storage")


@pytest.fixture
def settings_of(
    database_url: str, forecast: FakeForecast, tmp_path: Path, postgres_server: PostgresServer
) -> Callable[..., Settings]:
    """Settings of a service that can do everything but Sheets; changes as keywords."""
    key_file = tmp_path / "backup.key"
    key_file.write_bytes(secrets.token_bytes(32))
    database = database_url.rpartition("/")[2]

    def build(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "database_url": database_url,
            "environment": "test",
            "log_format": "console",
            "gateway_url": forecast.url,
            "client_id": "storage",
            "client_secret": "secret",
            "files_directory": tmp_path / "files",
            "work_directory": tmp_path,
            "backups_directory": tmp_path / "backups",
            "backup_database_url": postgres_server.url_for(database),
            "backup_key_file": key_file,
            "pg_bin_directory": postgres_server.binaries,
            "job_lease_seconds": 3,
            "job_poll_seconds": 0.05,
            "export_page_rows": 2,
            **changes,
        }
        return Settings(**values)

    return build


@pytest.fixture
def settings(settings_of: Callable[..., Settings]) -> Settings:
    return settings_of()


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as opened:
        yield opened


@pytest.fixture
def client_of() -> Callable[..., Any]:
    """`async with client_of(settings, roles=["buyer"]) as client`; an administrator unless said otherwise."""

    @asynccontextmanager
    async def open_client(settings: Settings, **claims: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with service_client(create_app(settings, TEST_KEYS), "storage", **claims) as client:
            yield client

    return open_client


@pytest.fixture
async def client(client_of: Callable[..., Any], settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings) as opened:
        yield opened
