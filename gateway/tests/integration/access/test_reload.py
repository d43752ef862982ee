"""A gateway process whose table of routes is exchanged while it works: nothing in hand is disturbed, nothing is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from local.infrastructure.ports import free_port

OWNERS = ("data", "forecast", "notification", "monitoring", "storage")
ADMIN = ("admin@example.com", "correct horse battery")
RELOADS = 1000
WARM_UP = 200
NEW_ROUTE = "/api/v1/data/novelties"


@dataclass
class Process:
    url: str
    routes: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def resident_kilobytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def replace(self, content: str) -> None:
        """In one step, as an operator should, and said by a signal."""
        other = self.routes.with_suffix(".new")
        other.write_text(content)
        other.rename(self.routes)
        self.process.send_signal(signal.SIGHUP)

    def metric(self, name: str) -> float:
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def table_with(source: Path, below: str | None = None, without: str | None = None) -> str:
    document = yaml.safe_load(source.read_text())
    routes = document["services"]["data"]["routes"]
    if below is not None:
        routes[below] = {"GET": "everyone"}
    if without is not None:
        del routes[without]
    return yaml.safe_dump(document, explicit_end=True)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture
def running(gateway: Any, postgres_templates: Any, tmp_path: Path) -> Iterator[Process]:
    """A process of its own, with the database and the echo of the module's gateway behind it."""
    settings, port = gateway.settings, free_port()
    routes = tmp_path / "routes.yaml"
    routes.write_bytes(settings.routes_file.read_bytes())
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment = {
        **clean,
        "GATEWAY_ENVIRONMENT": "test",
        "GATEWAY_LOG_LEVEL": "INFO",
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "GATEWAY_DATABASE_URL": settings.database_url,
        "GATEWAY_REDIS_URL": settings.redis_url,
        "GATEWAY_ROUTES_FILE": str(routes),
        "GATEWAY_ROUTES_CHECK_SECONDS": "0.2",
        "GATEWAY_SIGNING_KEY_FILE": str(settings.signing_key_file),
        "GATEWAY_SERVICE_CLIENTS": json.dumps({"forecast": "forecast-secret"}),
        "GATEWAY_ADMIN_EMAIL": ADMIN[0],
        "GATEWAY_ADMIN_PASSWORD": ADMIN[1],
        **{f"GATEWAY_UPSTREAMS__{owner.upper()}": f"http://127.0.0.1:{gateway.echo.port}" for owner in OWNERS},
    }
    log = tmp_path / "gateway.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "gateway.main"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    started = Process(f"http://127.0.0.1:{port}", routes, process, log)
    try:
        until(lambda: process.poll() is not None or is_alive(started.url), 60)
        assert process.poll() is None, log.read_text()[-2000:]
        yield started
    finally:
        process.kill()
        process.wait()


def is_alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def status_of(running: Process, path: str) -> int:
    """Without a token: 401 tells that the route exists, 404 that it does not."""
    return httpx.get(running.url + path, trust_env=False).status_code


@pytest.fixture
def answers(running: Process, gateway: Any) -> Iterator[list[int]]:
    """Statuses of a caller who goes on asking, over one connection, whatever happens to the table."""
    found: list[int] = []
    stop = threading.Event()
    headers = {"Authorization": f"Bearer {gateway.token('admin')}"}

    def ask() -> None:
        with httpx.Client(base_url=running.url, headers=headers, trust_env=False) as client:
            while not stop.wait(0.005):
                try:
                    found.append(client.get("/api/v1/data/products").status_code)
                except httpx.HTTPError:
                    found.append(0)

    thread = threading.Thread(target=ask)
    thread.start()
    yield found
    stop.set()
    thread.join()


def test_a_thousand_reloads_cost_no_memory_and_no_request(running: Process, answers: list[int]) -> None:
    plain, extended = running.routes.read_text(), table_with(running.routes, below="/novelties")
    settled = 0
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        for number in range(RELOADS):
            if number == WARM_UP:
                settled = running.resident_kilobytes()
            running.replace(plain if number % 2 else extended)
            expected = 404 if number % 2 else 401
            until(lambda expected=expected: client.get(NEW_ROUTE).status_code == expected)
    assert running.metric('gateway_routes_reloads_total{outcome="applied"}') == RELOADS
    ended = running.resident_kilobytes()
    assert abs(ended - settled) <= 0.05 * settled, (settled, ended)
    assert len(answers) > 100
    assert set(answers) == {200}


def test_a_request_in_hand_ends_under_the_table_it_began_with(running: Process, gateway: Any) -> None:
    head = (
        "POST /api/v1/data/imports?kind=sales HTTP/1.1\r\nHost: gateway\r\nContent-Length: 10\r\n"
        f"Content-Type: text/csv\r\nAuthorization: Bearer {gateway.token('admin')}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"12345")
        time.sleep(0.2)
        running.replace(table_with(running.routes, without="/imports"))
        until(lambda: status_of(running, "/api/v1/data/imports") == 404)
        connection.sendall(b"67890")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_broken_table_is_kept_out_logged_with_its_place_and_healed_by_the_next(
    running: Process, answers: list[int]
) -> None:
    good = running.routes.read_text()
    running.replace(good.replace("data:", "data:\n    colour: blue", 1))
    until(lambda: running.metric("gateway_routes_valid") == 0)
    assert status_of(running, "/api/v1/data/products") == 401
    assert "services → data → colour" in running.log.read_text()
    running.routes.unlink()
    running.process.send_signal(signal.SIGHUP)
    until(lambda: "cannot be read" in running.log.read_text())
    running.routes.write_text(table_with_text(good))
    until(lambda: status_of(running, NEW_ROUTE) == 401)
    assert running.metric("gateway_routes_valid") == 1
    until(lambda: len(answers) > 20)
    assert set(answers) == {200}


def table_with_text(text: str) -> str:
    document = yaml.safe_load(text)
    document["services"]["data"]["routes"]["/novelties"] = {"GET": "everyone"}
    return yaml.safe_dump(document, explicit_end=True)


def test_the_merged_document_follows_the_table(running: Process) -> None:
    """What no longer has a route is no longer described."""
    path = "/api/v1/auth/refresh"

    def described() -> bool:
        return path in httpx.get(f"{running.url}/openapi.json", trust_env=False).json()["paths"]

    assert described()
    document = yaml.safe_load(running.routes.read_text())
    del document["services"]["gateway"]["routes"]["/v1/auth/refresh"]
    running.replace(yaml.safe_dump(document, explicit_end=True))
    until(lambda: status_of(running, path) == 404)
    until(lambda: not described(), 5)
