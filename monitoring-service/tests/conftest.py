"""The service on a real database, and small real servers to probe."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from monitoring_service.app import create_app
from monitoring_service.resources import Resources, open_resources
from monitoring_service.settings import Settings
from shared.testing.asgi import service_client
from shared.testing.identities import TEST_KEYS


@dataclass
class Server:
    """A tiny HTTP server whose next answers a test decides; `hang` keeps it silent."""

    port: int = 0
    status: int = 200
    body: Any = field(default_factory=lambda: {"status": "ready", "dependencies": {"database": {"status": "up"}}})
    hang: bool = False
    asked: int = 0
    _server: asyncio.Server | None = None
    _answering: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/health/ready"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in list(self._answering):
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            if self.hang:
                await asyncio.sleep(60)
            body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
            head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._answering.discard(task)
            writer.close()


@pytest.fixture
async def servers() -> AsyncIterator[Callable[[], Any]]:
    started: list[Server] = []

    async def start() -> Server:
        server = Server()
        await server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


@pytest.fixture
def database_url(database_url_for: Callable[[str], str]) -> str:
    return database_url_for("monitoring")


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        environment="test",
        log_format="console",
        probe_timeout_seconds=0.5,
        probe_interval_seconds=0.05,
        probe_failure_threshold=2,
        probe_success_threshold=2,
        recovery_grace_seconds=60,
        alert_webhook_token="alertmanager-token",
    )


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as opened:
        yield opened


@pytest.fixture
def client_of() -> Callable[..., Any]:
    """`async with client_of(settings, roles=["buyer"]) as client`."""

    @asynccontextmanager
    async def open_client(settings: Settings, **claims: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with service_client(create_app(settings, TEST_KEYS), "monitoring", **claims) as client:
            yield client

    return open_client


@pytest.fixture
async def client(client_of: Callable[..., Any], settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings) as opened:
        yield opened
