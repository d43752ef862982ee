"""The real process, told to stop while it is busy: nothing that was asked is lost."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

SALES = "/api/v1/data/sales"
PRODUCTS = "/api/v1/data/products"


class Process:
    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.port = unused.getsockname()[1]
        command = [sys.executable, "-m", "gateway.main"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env={**os.environ, **environment, "GATEWAY_PORT": str(self.port)}, stdout=output, stderr=output
            )
        until = time.monotonic() + 30
        while self.get("/health/live") != 200:
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def stop(self) -> float:
        """When it was told, by the monotonic clock."""
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()

    def has_stopped_well(self, seconds: float) -> bool:
        """The server ends with the signal it was told to end with, once all else is done."""
        return self.process.wait(seconds) in {0, -signal.SIGTERM}


@pytest.fixture
def start_process(gateway: Any, echo: Any, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(drain_seconds: float, data_port: int | None = None, routes: Path | None = None) -> Process:
        settings = gateway.settings
        environment = {
            "GATEWAY_ENVIRONMENT": "test",
            "GATEWAY_LOG_LEVEL": "WARNING",
            "GATEWAY_DATABASE_URL": settings.database_url,
            "GATEWAY_REDIS_URL": settings.redis_url,
            "GATEWAY_ROUTES_FILE": str(routes or settings.routes_file),
            "GATEWAY_SIGNING_KEY_FILE": str(settings.signing_key_file),
            "GATEWAY_UPSTREAMS__DATA": f"http://127.0.0.1:{data_port or echo.port}",
            "GATEWAY_DRAIN_SECONDS": str(drain_seconds),
            "GATEWAY_LIMITER_TIMEOUT_SECONDS": "2",
        }
        for owner in ("FORECAST", "NOTIFICATION", "MONITORING", "STORAGE"):
            environment[f"GATEWAY_UPSTREAMS__{owner}"] = f"http://127.0.0.1:{echo.port}"
        started.append(Process(environment, tmp_path / f"gateway-{len(started)}.log"))
        return started[-1]

    gateway.token("admin")
    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


class Caller(threading.Thread):
    """Asks on and on over kept connections, as a proxy does: `close` is obeyed, nothing else is forgiven."""

    def __init__(self, port: int, token: str, until: threading.Event) -> None:
        super().__init__()
        self.port, self.until = port, until
        self.headers = {"Authorization": f"Bearer {token}"}
        self.answers: list[tuple[float, int, str | None]] = []
        self.failures: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        number = 0
        while not self.until.is_set():
            number += 1
            method, path = ("POST", PRODUCTS) if number % 3 == 0 else ("GET", SALES)
            try:
                connection.request(method, path, body=b"{}" if method == "POST" else None, headers=self.headers)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{method} {error!r}")
                break
            self.answers.append((time.monotonic(), response.status, response.getheader("connection")))
            if response.getheader("connection") == "close":
                connection.close()
            time.sleep(0.005)
        connection.close()


def test_nothing_is_lost_while_a_busy_gateway_stops(start_process: Any, gateway: Any, fresh_echo: Any) -> None:
    process, done = start_process(4.0), threading.Event()
    callers = [Caller(process.port, gateway.token("admin"), done) for _ in range(4)]
    for caller in callers:
        caller.start()
    time.sleep(0.7)
    told = process.stop()
    time.sleep(0.4)
    assert process.get("/health/ready") == 503
    assert process.get("/health/live") == 200
    time.sleep(0.6)
    done.set()
    for caller in callers:
        caller.join(10)
    assert process.has_stopped_well(8)
    assert time.monotonic() - told < 4.0 + 4.0
    answers = [answer for caller in callers for answer in caller.answers]
    assert [caller.failures for caller in callers] == [[], [], [], []]
    assert {status for _, status, _ in answers} == {200}
    late = [connection for moment, _, connection in answers if moment > told + 0.3]
    assert late
    assert set(late) == {"close"}
    assert any(connection != "close" for moment, _, connection in answers if moment < told)


def test_without_a_drain_what_is_in_hand_is_finished(start_process: Any, gateway: Any, fresh_echo: Any) -> None:
    fresh_echo.answers["/v1/sales"] = lambda: (time.sleep(1.0), (200, [], b"done"))[1]
    process = start_process(0)
    answers: list[bytes] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
        connection.request("GET", SALES, headers={"Authorization": f"Bearer {gateway.token('admin')}"})
        answers.append(connection.getresponse().read())
        connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.4)
    told = process.stop()
    assert process.has_stopped_well(6)
    assert 0.3 < time.monotonic() - told < 5
    asking.join(5)
    assert answers == [b"done"]


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_stream_of_events_ends_where_it_is_and_its_reader_may_come_again(
    is_quick: bool, start_process: Any, gateway: Any, raw_upstream: Any, wire: Any
) -> None:
    async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"events=1" not in head:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                continue
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"9\r\ndata: x\n\n\r\n")
                await asyncio.sleep(0.05)

    process = start_process(3.0, data_port=raw_upstream(events))
    target = SimpleNamespace(port=process.port, token=gateway.token)
    connection = wire(target, "admin")
    connection.ask(SALES)
    connection.send(connection.request(f"{SALES}?events=1", *(() if is_quick else ("Connection: close",))))
    time.sleep(0.4)
    told = process.stop()
    given = connection.answer()
    assert time.monotonic() - told < 1.5
    assert (given.status, given.body[:9]) == (200, b"data: x\n\n")
    assert len(given.body) % 9 == 0
    if is_quick:
        again = connection.ask(SALES)
        assert (again.status, again.values("connection")) == (200, ["close"])
    assert connection.rest() == b""
    assert wire(target, "admin").ask(SALES).status == 200
    assert process.has_stopped_well(8)


def test_a_websocket_is_told_that_the_gateway_goes_away(start_process: Any, gateway: Any, tmp_path: Path) -> None:
    document = yaml.safe_load(gateway.settings.routes_file.read_text())
    document["services"]["data"]["routes"]["/sales"]["GET"] = {"allow": "everyone", "websocket": True}
    routes = tmp_path / "routes.yaml"
    routes.write_text(yaml.safe_dump(document, explicit_end=True))
    server = serve(lambda connection: [connection.send(message) for message in connection], "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = start_process(4.0, data_port=server.socket.getsockname()[1], routes=routes)
    headers = {"Authorization": f"Bearer {gateway.token('admin')}"}
    url = f"ws://127.0.0.1:{process.port}{SALES}"
    with connect(url, additional_headers=headers, proxy=None, close_timeout=1) as opened:
        opened.send("hello")
        assert opened.recv(timeout=5) == "hello"
        process.stop()
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert process.has_stopped_well(8)
    server.shutdown()
