"""Services that are away, slow or broken: bounded time, the right problem document, nobody else affected."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
SHORT: dict[str, Any] = {
    "connect_seconds": 0.5,
    "first_byte_seconds": 1.0,
    "idle_seconds": 1.0,
    "total_seconds": 3.0,
}
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


@pytest.fixture
def gateway_to(start_gateway: Any, echo: Any) -> Callable[..., Any]:
    """A gateway whose data-service is the given port, all others the echo."""

    def start(port: int, **given: Any) -> Any:
        upstreams = dict.fromkeys(
            ("forecast", "notification", "monitoring", "storage"), f"http://127.0.0.1:{echo.port}"
        )
        return start_gateway(upstreams={**upstreams, "data": f"http://127.0.0.1:{port}"}, **{**SHORT, **given})

    return start


def timed(client: httpx.Client, method: str, path: str, **given: Any) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return client.request(method, path, **given), time.monotonic() - began


def test_a_dead_service_is_a_503_for_its_own_routes_only(gateway_to: Any, fresh_echo: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    gateway = gateway_to(port)
    with gateway.client("buyer") as client:
        for _ in range(8):
            response, seconds = timed(client, "GET", "/api/v1/data/sales")
            assert response.status_code == 503
            assert response.json()["code"] == "upstream_unavailable"
            assert int(response.headers["retry-after"]) >= 1
            assert seconds < 1
        assert "given a rest" in response.json()["detail"]
        assert client.get("/api/v1/forecast/plans").status_code == 200


def test_the_breaker_lets_one_probe_through_and_closes_after_it(gateway_to: Any, raw_upstream: Any) -> None:
    calls, healthy = [], threading.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        calls.append(time.monotonic())
        if healthy.is_set():
            writer.write(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
            await writer.drain()
        writer.close()

    gateway = gateway_to(raw_upstream(handler))
    with gateway.client("buyer") as client:
        for _ in range(10):
            client.get("/api/v1/data/sales")
        # Five failures open it; those that broke off on a fresh connection were tried again within the budget.
        assert 5 <= len(calls) <= 9
        before = len(calls)
        assert [client.get("/api/v1/data/sales").status_code for _ in range(5)] == [503] * 5
        assert len(calls) == before
        healthy.set()
        deadline = time.monotonic() + 10
        while client.get("/api/v1/data/sales").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert [client.get("/api/v1/data/sales").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("name", ["silent", "drips"])
def test_a_service_that_hangs_is_a_504_in_time(name: str, gateway_to: Any, raw_upstream: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        if name == "drips":
            writer.write(b"HTTP/1.1 200")
        await asyncio.sleep(30)

    gateway = gateway_to(raw_upstream(handler))
    with gateway.client("buyer") as client:
        response, seconds = timed(client, "GET", "/api/v1/data/sales")
    assert (response.status_code, response.json()["code"]) == (504, "upstream_timeout")
    assert 0.9 < seconds < 2.0


BROKEN = {
    "reset": b"",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "length and chunked": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "control character in a header": b"HTTP/1.1 200 OK\r\nx-a: a\x01b\r\ncontent-length: 2\r\n\r\nok",
    "header without name": b"HTTP/1.1 200 OK\r\n: b\r\ncontent-length: 2\r\n\r\nok",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: a\r\n" % n for n in range(500)) + b"\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_service_that_does_not_speak_http_is_a_502(name: str, gateway_to: Any, raw_upstream: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(BROKEN[name])
        await writer.drain()
        writer.transport.abort() if name == "reset" else writer.close()

    gateway = gateway_to(raw_upstream(handler))
    with gateway.client("buyer") as client:
        response = client.get("/api/v1/data/sales")
    assert (response.status_code, response.json()["code"]) == (502, "upstream_broken"), response.text


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_that_breaks_off_is_cut_for_the_caller_too(framing: str, gateway_to: Any, raw_upstream: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        if framing == "length":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.close()

    gateway = gateway_to(raw_upstream(handler))
    with gateway.client("buyer") as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/v1/data/sales")


def test_a_transfer_that_stands_still_is_cut_in_time(gateway_to: Any, raw_upstream: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")
        await asyncio.sleep(30)

    gateway = gateway_to(raw_upstream(handler))
    began = time.monotonic()
    with gateway.client("buyer") as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/v1/data/sales")
    assert time.monotonic() - began < 3


def test_a_slow_drip_ends_at_the_total_time(gateway_to: Any, raw_upstream: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(200):
            writer.write(b"x")
            await asyncio.sleep(0.1)

    gateway = gateway_to(raw_upstream(handler))
    began = time.monotonic()
    with gateway.client("buyer") as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/v1/data/sales")
    assert 2.5 < time.monotonic() - began < 5


def stale_after_first(calls: list[bytes]) -> Handler:
    """Answers once, waits until the next request has been read, and closes without answering it."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append((await read_head(reader)).split(b" ")[0])
        writer.write(OK)
        calls.append((await read_head(reader)).split(b" ")[0] + b" again")
        writer.close()

    return handler


def test_a_get_on_a_kept_connection_that_closed_is_sent_once_more(gateway_to: Any, raw_upstream: Any) -> None:
    calls: list[bytes] = []
    gateway = gateway_to(raw_upstream(stale_after_first(calls)))
    with gateway.client("buyer") as client:
        assert client.get("/api/v1/data/sales").status_code == 200
        assert client.get("/api/v1/data/sales").status_code == 200
    assert calls == [b"GET", b"GET again", b"GET"]


def test_a_post_is_never_sent_twice(gateway_to: Any, raw_upstream: Any) -> None:
    calls: list[bytes] = []
    gateway = gateway_to(raw_upstream(stale_after_first(calls)))
    with gateway.client("buyer") as client:
        assert client.get("/api/v1/data/sales").status_code == 200
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 502
    assert calls == [b"GET", b"POST again"]


def test_interim_answers_and_answers_until_close_are_understood(gateway_to: Any, raw_upstream: Any) -> None:
    answers = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nuntil close",
        b"HTTP/1.0 200 OK\r\n\r\nold",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 20\r\n\r\n",
    ]
    left = list(answers)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(left.pop(0))
        await writer.drain()
        writer.close()

    gateway = gateway_to(raw_upstream(handler))
    with gateway.client("buyer") as client:
        got = [client.get("/api/v1/data/sales") for _ in answers]
    assert [(one.status_code, one.content) for one in got] == [
        (200, b"ok"),
        (200, b"until close"),
        (200, b"old"),
        (204, b""),
        (304, b""),
    ]


def test_a_connection_with_more_than_was_asked_for_is_not_used_again(gateway_to: Any, raw_upstream: Any) -> None:
    connections = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while await read_head(reader):
            writer.write(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")

    gateway = gateway_to(raw_upstream(handler))
    with gateway.client("buyer") as client:
        assert [client.get("/api/v1/data/sales").content for _ in range(3)] == [b"ok"] * 3
    assert len(connections) == 3


def test_a_caller_who_leaves_ends_the_work_behind(gateway_to: Any, raw_upstream: Any) -> None:
    ended = threading.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await reader.read()
        ended.set()

    gateway = gateway_to(raw_upstream(handler), first_byte_seconds=20.0, total_seconds=30.0)
    head = f"GET /api/v1/data/sales HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.token('buyer')}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(head.encode())
        time.sleep(0.3)
    assert ended.wait(2)


def test_one_slow_service_does_not_slow_the_others(gateway_to: Any, raw_upstream: Any, fresh_echo: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(30)

    gateway = gateway_to(raw_upstream(handler), upstream_connections=10)
    token = gateway.token("buyer")
    heads = [
        f"GET /api/v1/data/sales HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for _ in range(30)
    ]
    connections = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in heads]
    for connection, head in zip(connections, heads, strict=True):
        connection.sendall(head)
    with gateway.client("buyer") as client:
        response, seconds = timed(client, "GET", "/api/v1/forecast/plans")
    assert (response.status_code, seconds < 1.0) == (200, True)
    statuses = sorted(connection.recv(12)[9:12] for connection in connections)
    assert set(statuses) <= {b"503", b"504"}
    assert statuses.count(b"503") >= 20
    for connection in connections:
        connection.close()
