"""Several instances of one service: work is shared, a failing one is left out, and little is asked twice."""

import asyncio
import contextlib
import socket
import threading
import time
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateway.settings import Settings

SALES = "/api/v1/data/sales"
ORDERS = "/api/v1/data/purchase-orders"
QUICKLY: dict[str, Any] = {"connect_seconds": 0.5, "first_byte_seconds": 2.0, "idle_seconds": 2.0, "total_seconds": 5.0}


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Instance:
    """`answer`: what it says; b"" breaks off. `closes`: every answer is the last one on its connection."""

    def __init__(self, answer: bytes = b"200 OK", *, seconds: float = 0.0, closes: bool = False) -> None:
        self.answer = answer
        self.seconds = seconds
        self.closes = closes
        self.lines: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.lines.append(head.split(b"\r\n")[0])
                if b"content-length: 2" in head:
                    await reader.readexactly(2)
                await asyncio.sleep(self.seconds)
                if not self.answer:
                    break
                last = b"connection: close\r\n" if self.closes else b""
                writer.write(b"HTTP/1.1 %b\r\n%bcontent-length: 2\r\n\r\nok" % (self.answer, last))
                if self.closes:
                    break
        writer.close()

    @property
    def calls(self) -> int:
        return len(self.lines)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def ask(client: Any, times: int, path: str = SALES) -> list[int]:
    return [client.get(path).status_code for _ in range(times)]


def test_the_environment_names_instances_with_commas(
    monkeypatch: pytest.MonkeyPatch, gateway: Any, raw_upstream: Any
) -> None:
    monkeypatch.setenv("GATEWAY_UPSTREAMS__DATA", "http://10.0.0.1:8000, http://10.0.0.2:8000")
    monkeypatch.setenv("GATEWAY_DATABASE_URL", gateway.settings.database_url)
    urls = Settings().upstreams["data"]
    assert [(url.host, url.port) for url in urls] == [("10.0.0.1", 8000), ("10.0.0.2", 8000)]


def test_idle_instances_take_turns(gateway_to: Any, raw_upstream: Any, passages: list[bytes]) -> None:
    instances = [Instance() for _ in range(3)]
    gateway = gateway_to(*(raw_upstream(one) for one in instances), **QUICKLY)
    with gateway.client("buyer") as client:
        assert ask(client, 6) == [200] * 6
        passages.clear()
        assert ask(client, 24) == [200] * 24
    assert [one.calls for one in instances] == [10] * 3
    assert [one.connections for one in instances] == [1] * 3
    assert passages == []


def test_the_instance_with_fewer_requests_in_hand_gets_the_next(gateway_to: Any, raw_upstream: Any) -> None:
    slow, fast = Instance(seconds=1.0), Instance()
    gateway = gateway_to(raw_upstream(slow), raw_upstream(fast), **QUICKLY)
    with gateway.client("buyer") as client, gateway.client("buyer") as other:
        first = threading.Thread(target=ask, args=(other, 1))
        first.start()
        time.sleep(0.2)
        assert ask(client, 10) == [200] * 10
        first.join(5)
    assert (slow.calls, fast.calls) == (1, 10)


def test_an_instance_that_refuses_connections_is_left_out(gateway_to: Any, raw_upstream: Any, unused_port: int) -> None:
    good = Instance()
    gateway = gateway_to(unused_port, raw_upstream(good), **QUICKLY)
    retries = value("gateway_upstream_retries_total", upstream="data")
    with gateway.client("buyer") as client:
        assert ask(client, 20) == [200] * 20
    assert good.calls == 20
    assert value("gateway_upstream_retries_total", upstream="data") == retries + 3


def test_an_instance_that_breaks_off_is_left_out_and_comes_back(gateway_to: Any, raw_upstream: Any) -> None:
    bad, good = Instance(b""), Instance()
    gateway = gateway_to(raw_upstream(bad), raw_upstream(good), **QUICKLY)
    with gateway.client("buyer") as client:
        assert ask(client, 20) == [200] * 20
        assert bad.calls == 3
        bad.answer = b"200 OK"
        time.sleep(5.2)
        assert ask(client, 10) == [200] * 10
    assert bad.calls >= 7


def test_one_success_between_forgives_failures_also_without_kept_connections(
    gateway_to: Any, raw_upstream: Any
) -> None:
    shaky, good = Instance(closes=True), Instance()
    gateway = gateway_to(raw_upstream(shaky), raw_upstream(good), **QUICKLY)
    with gateway.client("buyer") as client:
        for _ in range(5):
            shaky.answer = b""
            ask(client, 2)
            shaky.answer = b"200 OK"
            ask(client, 4)
    assert shaky.calls >= 12


def test_when_all_are_left_out_they_are_tried_nevertheless(gateway_to: Any, raw_upstream: Any) -> None:
    instances = [Instance(b"503 Service Unavailable") for _ in range(2)]
    gateway = gateway_to(*(raw_upstream(one) for one in instances), **QUICKLY)
    with gateway.client("buyer") as client:
        assert ask(client, 10) == [503] * 10
        for one in instances:
            one.answer = b"200 OK"
        assert ask(client, 4) == [200] * 4


def test_an_overloaded_instance_loses_its_traffic(gateway_to: Any, raw_upstream: Any) -> None:
    overloaded, good = Instance(b"503 Service Unavailable"), Instance()
    gateway = gateway_to(raw_upstream(overloaded), raw_upstream(good), **QUICKLY)
    with gateway.client("buyer") as client:
        statuses = ask(client, 30)
    assert (statuses.count(503), overloaded.calls) == (3, 3)
    assert good.calls == 27


def test_retries_stay_within_a_fifth(gateway_to: Any, raw_upstream: Any) -> None:
    """On fresh connections, with a breaker that this test keeps closed: a good answer now and then."""
    service = Instance(closes=True)
    gateway = gateway_to(raw_upstream(service), **QUICKLY)
    with gateway.client("buyer") as client:
        for _ in range(50):
            service.answer = b""
            ask(client, 4)
            service.answer = b"200 OK"
            ask(client, 1)
    assert 250 < service.calls <= 250 * 1.2 + 3


@pytest.mark.parametrize(("headers", "times"), [({}, 1), ({"Idempotency-Key": "k-1"}, 2)])
def test_a_post_is_sent_twice_only_with_an_idempotency_key(
    headers: dict[str, str], times: int, gateway_to: Any, raw_upstream: Any
) -> None:
    service = Instance(b"")
    gateway = gateway_to(raw_upstream(service), **QUICKLY)
    with gateway.client("buyer") as client:
        assert client.post(ORDERS, json={}, headers=headers).status_code == 502
    assert service.lines == [b"POST /v1/purchase-orders HTTP/1.1"] * times


def test_a_get_is_sent_twice_and_no_more(gateway_to: Any, raw_upstream: Any) -> None:
    service = Instance(b"")
    gateway = gateway_to(raw_upstream(service), **QUICKLY)
    with gateway.client("buyer") as client:
        assert ask(client, 1) == [502]
    assert service.calls == 2
