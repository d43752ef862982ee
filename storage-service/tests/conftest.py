"""The service on a real database, and a gateway in front of a forecast-service that a test fills."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiohttp import web

from local.infrastructure.postgres import PostgresServer
from shared.testing.asgi import service_client
from shared.testing.identities import TEST_KEYS
from storage_service.app import create_app
from storage_service.resources import Resources, open_resources
from storage_service.settings import Settings

PLAN_ID = UUID("0192f000-0000-7000-8000-00000000abcd")
BUYER = "00000000-0000-7000-8000-000000000002"


def recommendation(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"0192f000-0000-7000-8000-{number:012d}",
        "plan_id": str(PLAN_ID),
        "sku": f"SKU-{number:05d}",
        "name": f"Товар {number}",
        "warehouse": "WH1",
        "supplier": f"S{number % 3}",
        "supplier_name": f"Поставщик {number % 3}",
        "quantity": 10 + number,
        "unit": "pcs",
        "unit_cost": "12.50",
        "currency": "EUR",
        "line_value": f"{12.5 * (10 + number):.2f}",
        "status": "proposed",
        "order_by": "2026-11-23",
        "runs_out_on": "2026-11-30",
        "days_of_cover": 7.5,
        "expected_shortage_units": 3.25,
        "expected_shortage_value": "40.63",
        "urgency_value": "99.9",
        "on_hand": 4,
        "on_order": 0,
        "reserved": 1,
        "service_level": 0.95,
        "reason": {"en": "Runs out before the delivery", "ru": "Закончится до поставки"},
        "blocked": None,
        "a_field_of_tomorrow": {"x": 1},
        **changes,
    }


@dataclass
class Forecast:
    """Answers as the gateway does for the routes exports call; `statuses` are given first, one per page request."""

    items: list[dict[str, Any]] = field(default_factory=lambda: [recommendation(number) for number in range(5)])
    has_plan: bool = True
    statuses: list[int] = field(default_factory=list)
    pages_asked: int = 0
    url: str = ""
    before_page: Callable[[], Any] | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v1/auth/token", self._token)
        app.router.add_get("/api/v1/forecast/plans/{plan}", self._plan)
        app.router.add_get("/api/v1/forecast/recommendations", self._recommendations)
        return app

    async def _token(self, _request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": 900, "token_type": "Bearer"})

    async def _plan(self, request: web.Request) -> web.Response:
        known = {"latest", str(PLAN_ID)} if self.has_plan else set()
        if request.match_info["plan"] not in known:
            return web.json_response({"status": 404, "code": "plan_not_found", "detail": "no plan"}, status=404)
        return web.json_response({"id": str(PLAN_ID), "created_at": "2026-11-22T05:00:00Z", "lines": len(self.items)})

    async def _recommendations(self, request: web.Request) -> web.Response:
        self.pages_asked += 1
        if self.before_page is not None:
            await self.before_page()
        if self.statuses:
            status = self.statuses.pop(0)
            return web.json_response({"status": status, "code": "x", "detail": "not now"}, status=status)
        assert request.query["plan_id"] == str(PLAN_ID)
        limit, start = int(request.query["limit"]), int(request.query.get("cursor", "0"))
        following = str(start + limit) if start + limit < len(self.items) else None
        return web.json_response({"items": self.items[start : start + limit], "next_cursor": following})


@pytest.fixture
async def forecast() -> AsyncIterator[Forecast]:
    forecast = Forecast()
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
    database_url: str, forecast: Forecast, tmp_path: Path, postgres_server: PostgresServer
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
