"""A real gateway on a loopback port, real Redis and PostgreSQL behind it, and a service that repeats what reached it."""

import asyncio
import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import redis
import uvicorn
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.access.adapters import DEFAULT_FILE
from gateway.app import create_gateway
from gateway.proxy.router.server import SERVER_OPTIONS
from gateway.settings import Settings

ADMIN = ("admin@example.com", "correct horse battery")
PASSWORD = "an unguessable sentence"
CLIENTS = {"forecast": "forecast-secret", "data": "data-secret"}
ROLES = ("admin", "manager", "buyer", "ops")
OWNERS = ("data", "forecast", "notification", "monitoring", "storage")


class ServerThread:
    """An ASGI application served on a loopback port by a thread of its own."""

    def __init__(self, app: Any, options: dict[str, Any]) -> None:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        config = uvicorn.Config(app, timeout_graceful_shutdown=2, **options)
        self.server = uvicorn.Server(config)
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.server.run(sockets=[self.socket])
        except BaseException as error:  # noqa: BLE001 -- raised again in the test's thread
            self.failure = error

    def start(self) -> None:
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started:
            if self.failure is not None or not self.thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the server did not start") from self.failure
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(15)
        self.socket.close()


@dataclass
class Echo:
    """What reached the service. `answers` overrides the answer by path."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    cut: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Callable[[], tuple[int, list[tuple[bytes, bytes]], bytes]]] = field(default_factory=dict)
    port: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, complete = b"", False
        while not complete:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body += message.get("body", b"")
            complete = not message.get("more_body", False)
        record = {
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
            "body_bytes": len(body),
        }
        (self.seen if complete else self.cut).append(record)
        if not complete:
            return
        status, headers, data = 200, [], json.dumps(record).encode()
        if scope["path"] in self.answers:
            status, headers, data = self.answers[scope["path"]]()
        headers = [(b"content-type", b"application/json"), *headers, (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    def last(self) -> dict[str, Any]:
        return self.seen[-1]


@dataclass
class Gateway:
    """A running gateway and what a test needs to talk to it."""

    port: int
    settings: Settings
    echo: Echo
    stop: Callable[[], None]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, role: str | None = None, **headers: str) -> httpx.Client:
        if role is not None:
            headers["Authorization"] = f"Bearer {self.token(role)}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False)

    def login(self, email: str, password: str) -> httpx.Response:
        with self.client() as client:
            return client.post("/api/v1/auth/login", json={"email": email, "password": password})

    def token(self, role: str) -> str:
        """An access token of a user with exactly this role, or of the service."""
        if role not in self.tokens:
            self.tokens[role] = self._service_token() if role == "service" else self._user_token(role)
        return self.tokens[role]

    def _service_token(self) -> str:
        with self.client() as client:
            body = {"client_id": "forecast", "client_secret": CLIENTS["forecast"]}
            return client.post("/api/v1/auth/token", json=body).json()["access_token"]

    def _user_token(self, role: str) -> str:
        if role == "admin":
            return self.login(*ADMIN).json()["access_token"]
        email = f"{role}@example.com"
        with self.client("admin") as client:
            body = {"email": email, "name": role, "password": PASSWORD, "roles": [role]}
            assert client.post("/api/v1/users", json=body).status_code in {201, 409}
        return self.login(email, PASSWORD).json()["access_token"]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the gateway's own database answers."""

        async def ask() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.settings.database_url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return asyncio.run(ask())

    def raw(self, payload: bytes, seconds: float = 3.0) -> bytes:
        """Everything the gateway answers to these bytes until it closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(payload)
            return read_until_silent(connection, seconds)


def read_until_silent(connection: socket.socket, seconds: float) -> bytes:
    answer, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        connection.settimeout(seconds if not answer else 0.03 if is_whole(answer) else 0.5)
        try:
            piece = connection.recv(65536)
        except (TimeoutError, ConnectionResetError):
            break
        if not piece:
            break
        answer += piece
    return answer


def is_whole(answer: bytes) -> bool:
    """Whether what came ends where an answer's Content-Length says that it ends."""
    found = re.findall(rb"content-length: (\d+)", answer)
    return bool(found) and len(answer.rpartition(b"\r\n\r\n")[2]) >= int(found[-1])


def signing_key_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def generous_routes(folder: Path, **rates: str) -> Path:
    """The package's own table with limits no test reaches by accident; `rates` sets single classes."""
    document = yaml.safe_load(DEFAULT_FILE.read_text())
    for name, rate in document["rates"].items():
        for kind in ("anonymous", "user", "api_key", "service"):
            rate[kind] = rates.get(name, "1000000/60")
    document["address_rate"] = rates.get("address_rate", "1000000/60")
    document["failure_rate"] = rates.get("failure_rate", "1000000/60")
    path = folder / f"routes-{os.urandom(4).hex()}.yaml"
    path.write_text(yaml.safe_dump(document, explicit_end=True))
    return path


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    app = Echo()
    server = ServerThread(app, {**SERVER_OPTIONS, "http": "httptools"})
    server.start()
    app.port = server.port
    yield app
    server.stop()


StartGateway = Callable[..., Gateway]


@pytest.fixture(scope="module")
def start_gateway(
    echo: Echo, postgres_templates: Any, valkey_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartGateway]:
    """`start_gateway(**settings)`; gateways started in one module share the database unless told otherwise."""
    with contextlib.ExitStack() as stack:
        database = postgres_templates.create("gateway")
        stack.callback(postgres_templates.drop, database)
        with redis.Redis.from_url(valkey_server.url) as store:
            store.flushall()
        key_file = tmp_path_factory.mktemp("keys") / "signing.pem"
        key_file.write_bytes(signing_key_pem())

        def start(*, rates: dict[str, str] | None = None, **given: Any) -> Gateway:
            values: dict[str, Any] = {
                "environment": "test",
                "log_level": "WARNING",
                "database_url": postgres_templates.url("gateway", database),
                "redis_url": valkey_server.url,
                "upstreams": dict.fromkeys(OWNERS, f"http://127.0.0.1:{echo.port}"),
                "routes_file": generous_routes(tmp_path_factory.mktemp("routes"), **(rates or {})),
                "signing_key_file": key_file,
                "service_clients": CLIENTS,
                "admin_email": ADMIN[0],
                "admin_password": ADMIN[1],
                "limiter_timeout_seconds": 0.5,
                **given,
            }
            settings = Settings(**values)
            server = ServerThread(create_gateway(settings), SERVER_OPTIONS)
            server.start()
            stack.callback(server.stop)
            return Gateway(server.port, settings, echo, server.stop)

        yield start


@pytest.fixture(scope="module")
def gateway(start_gateway: StartGateway) -> Gateway:
    return start_gateway()


@pytest.fixture
def fresh_echo(echo: Echo) -> Echo:
    """The echo with nothing seen yet and no special answers."""
    echo.seen.clear()
    echo.cut.clear()
    echo.answers.clear()
    return echo


@pytest.fixture
def raw_upstream() -> Iterator[Callable[[Callable[..., Any]], int]]:
    """`raw_upstream(handler)`: a TCP server that speaks as badly as the handler wants; returns its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers: list[asyncio.Server] = []

    def start(handler: Callable[..., Any]) -> int:
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(handler, "127.0.0.1", 0), loop).result(5)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start

    async def finish() -> None:
        for server in servers:
            server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(finish(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()
