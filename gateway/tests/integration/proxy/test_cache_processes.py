"""The promises that concern several gateway processes, kept by real ones."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.events.data import ProductChangedV1
from shared.events.envelope import Envelope
from shared.messaging.connect import open_transport

PATH, INNER = "/api/v1/data/products", "/v1/products"
PROCESSES = 3
pytestmark = pytest.mark.timeout(180)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(gateway: Any, port: int) -> dict[str, str]:
    settings = gateway.settings
    given = {
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "WARNING",
        "PORT": port,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "ROUTES_FILE": settings.routes_file,
        "SIGNING_KEY_FILE": settings.signing_key_file,
        "LIMITER_TIMEOUT_SECONDS": 0.5,
        **{f"UPSTREAMS__{name.upper()}": f"http://127.0.0.1:{gateway.echo.port}" for name in settings.upstreams},
    }
    return {**os.environ, **{f"GATEWAY_{name}": str(value) for name, value in given.items()}}


@pytest.fixture(scope="module")
def ports(gateway: Any) -> Iterator[list[int]]:
    """Processes beside the gateway of the tests, which gives out the tokens."""
    found = [free_port() for _ in range(PROCESSES)]
    running = [
        subprocess.Popen([sys.executable, "-m", "gateway.main"], env=environment(gateway, port)) for port in found
    ]
    try:
        for port in found:
            until_ready(port)
        yield found
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(60)


def until_ready(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5, trust_env=False).status_code == 200
            return
        except (httpx.TransportError, AssertionError):
            assert time.monotonic() < deadline
            time.sleep(0.1)


async def ask_all(ports: list[int], token: str, count: int, query: str) -> list[tuple[str, str]]:
    """Status and body; all connections are open before the first request is sent."""
    head = f"GET {PATH}?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    streams = [await asyncio.open_connection("127.0.0.1", ports[number % len(ports)]) for number in range(count)]
    for _, writer in streams:
        writer.write(head.encode())
    answers = [answer.decode() for answer in await asyncio.gather(*(reader.read() for reader, _ in streams))]
    for _, writer in streams:
        writer.close()
    return [(answer[9:12], answer.partition("\r\n\r\n")[2]) for answer in answers]


def numbered(echo: Any, seconds: float = 0) -> None:
    def answer() -> Any:
        time.sleep(seconds)
        return 200, [], json.dumps(len(echo.seen)).encode()

    echo.answers[INNER] = answer


def test_a_thousand_misses_at_once_over_three_processes_are_one_request(
    ports: list[int], gateway: Any, fresh_echo: Any
) -> None:
    numbered(fresh_echo, 0.5)
    answers = asyncio.run(ask_all(ports, gateway.token("buyer"), 1000, "storm=1"))
    assert Counter(answers) == {("200", "1"): 1000}
    assert len(fresh_echo.seen) == 1


def test_an_event_is_heard_in_all_processes_within_a_second(ports: list[int], gateway: Any, fresh_echo: Any) -> None:
    numbered(fresh_echo)
    token = gateway.token("buyer")
    for _ in range(3):
        kept = {body for _, body in asyncio.run(ask_all(ports, token, 30, "event=1"))}
        assert len(kept) == 1

        async def publish() -> None:
            async with open_transport(gateway.settings.database_url, "test") as transport:
                event = ProductChangedV1(parts=["products"], every_article=True)
                await transport.publish([Envelope.of(event, source="/procurement/data", subject="catalogue")])

        asyncio.run(publish())
        published_at = time.monotonic()
        while kept & {body for _, body in asyncio.run(ask_all(ports, token, PROCESSES, "event=1"))}:
            assert time.monotonic() - published_at < 1.0
