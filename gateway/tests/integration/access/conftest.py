"""Real services behind a real gateway, each with a database of its own, and people who log in."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn

from data_service.app import create_app as create_data
from data_service.settings import Settings as DataSettings
from forecast_service.app import create_app as create_forecast
from forecast_service.settings import Settings as ForecastSettings
from local.infrastructure.ports import free_port
from notification_service.app import create_app as create_notification
from notification_service.settings import Settings as NotificationSettings
from storage_service.app import create_app as create_storage
from storage_service.settings import Settings as StorageSettings

PASSWORD = "an unguessable sentence"


class Served:
    """An application on a port chosen beforehand, in a thread of its own."""

    def __init__(self, app: Any, port: int) -> None:
        config = uvicorn.Config(app, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive(), "the service did not start"
            assert time.monotonic() < until
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@dataclass
class Platform:
    """The gateway, the databases of the services behind it by owner, and whoever has logged in."""

    gateway: Any
    databases: dict[str, str]
    people: dict[str, httpx.Client] = field(default_factory=dict)

    def person(self, name: str, *roles: str, **more: Any) -> httpx.Client:
        """A client of a user with these roles (and `scope`), created when first asked for."""
        if name not in self.people:
            body = {"email": f"{name}@example.com", "name": name, "password": PASSWORD, "roles": list(roles), **more}
            with self.gateway.client("admin") as admin:
                created = admin.post("/api/v1/users", json=body)
            assert created.status_code == 201, created.text
            token = self.gateway.login(body["email"], PASSWORD).json()["access_token"]
            self.people[name] = self.gateway.client(Authorization=f"Bearer {token}")
        return self.people[name]

    def log_in_again(self, person: httpx.Client) -> None:
        """A second session, beside the one the client uses."""
        name = next(name for name, client in self.people.items() if client is person)
        assert self.gateway.login(f"{name}@example.com", PASSWORD).status_code == 200

    def execute(self, owner: str, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.databases[owner])
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())


@pytest.fixture(scope="module")
def platform(
    start_gateway: Callable[..., Any], postgres_templates: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    ports = {owner: free_port() for owner in ("data", "forecast", "notification", "storage")}
    with ExitStack() as stack:
        databases = {}
        for owner in ports:
            name = postgres_templates.create(owner)
            stack.callback(postgres_templates.drop, name)
            databases[owner] = postgres_templates.url(owner, name)
        upstreams = {owner: f"http://127.0.0.1:{port}" for owner, port in ports.items()}
        gateway = start_gateway(upstreams={**upstreams, "monitoring": "http://127.0.0.1:9"})
        folder = tmp_path_factory.mktemp("platform")
        for owner, app in applications(gateway.url, databases, folder).items():
            service = Served(app, ports[owner])
            service.start()
            stack.callback(service.stop)
        platform = Platform(gateway, databases)
        yield platform
        for client in platform.people.values():
            client.close()


def applications(gateway_url: str, databases: dict[str, str], folder: Path) -> dict[str, Any]:
    def common(owner: str) -> dict[str, Any]:
        return {
            "environment": "test",
            "log_level": "WARNING",
            "database_url": databases[owner],
            "gateway_url": gateway_url,
            "client_id": owner,
            "client_secret": f"{owner}-secret",
        }

    storage_folders = {"files_directory": folder / "files", "work_directory": folder, "backups_directory": folder}
    return {
        "data": create_data(DataSettings(**common("data"), spool_directory=folder / "data")),
        "forecast": create_forecast(ForecastSettings(**common("forecast"), spool_directory=folder / "forecast")),
        "notification": create_notification(NotificationSettings(**common("notification"))),
        "storage": create_storage(StorageSettings(**common("storage"), **storage_folders)),
    }
