"""Bodies of any size pass in both directions without being held, and no larger than the route takes."""

import asyncio
import contextlib
import os
import socket
import threading
import time
from typing import Any

import httpx
import psutil
import pytest

MIB = 1024 * 1024


@pytest.fixture
def gateway_to(start_gateway: Any, echo: Any) -> Any:
    def start(port: int, **given: Any) -> Any:
        others = dict.fromkeys(("forecast", "notification", "monitoring", "storage"), f"http://127.0.0.1:{echo.port}")
        return start_gateway(upstreams={**others, "data": f"http://127.0.0.1:{port}"}, **given)

    return start


def head(gateway: Any, line: str, *headers: str) -> bytes:
    lines = [line, "Host: a", f"Authorization: Bearer {gateway.token('admin')}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_a_large_answer_passes_without_growing_the_process(gateway_to: Any, raw_upstream: Any) -> None:
    size = 300 * MIB

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        block = b"x" * MIB
        for _ in range(size // MIB):
            writer.write(block)
            await writer.drain()
        writer.close()

    gateway = gateway_to(raw_upstream(handler))
    process = psutil.Process(os.getpid())
    with gateway.client("admin") as client:
        client.get("/health/live")
        before, most, received = process.memory_info().rss, 0, 0
        with client.stream("GET", "/api/v1/data/demand") as response:
            for piece in response.iter_raw():
                received += len(piece)
                most = max(most, process.memory_info().rss)
    assert received == size
    assert most - before < 40 * MIB


def test_a_caller_who_does_not_read_stops_the_service_from_sending(gateway_to: Any, raw_upstream: Any) -> None:
    sent = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (500 * MIB))
        for _ in range(500):
            writer.write(b"x" * MIB)
            await writer.drain()
            sent.append(1)

    gateway = gateway_to(raw_upstream(handler), idle_seconds=2.0)
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(head(gateway, "GET /api/v1/data/demand HTTP/1.1"))
        time.sleep(1.0)
        assert len(sent) < 30
        time.sleep(3.0)
        assert len(sent) < 30
        received = 0
        connection.settimeout(5)
        while piece := connection.recv(MIB):
            received += len(piece)
    assert received < 60 * MIB  # the stalled exchange was ended, not kept for ever


def test_a_large_upload_passes_without_growing_the_process(gateway_to: Any, raw_upstream: Any) -> None:
    size, received = 200 * MIB, []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        total = 0
        while total < size:
            total += len(await reader.read(MIB))
        received.append(total)
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()

    gateway = gateway_to(raw_upstream(handler))
    process = psutil.Process(os.getpid())
    before, most = process.memory_info().rss, [0]

    def body() -> Any:
        for _ in range(size // MIB):
            most[0] = max(most[0], process.memory_info().rss)
            yield b"x" * MIB

    with gateway.client("admin", **{"Content-Length": str(size)}) as client:
        response = client.post("/api/v1/data/imports", params={"kind": "sales"}, content=body())
    assert (response.status_code, received) == (202, [size])
    assert most[0] - before < 40 * MIB


def test_a_service_that_does_not_read_stops_the_upload(gateway_to: Any, raw_upstream: Any) -> None:
    release = threading.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.to_thread(release.wait, 20)
        writer.close()

    gateway = gateway_to(raw_upstream(handler))
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(head(gateway, "POST /api/v1/data/imports HTTP/1.1", f"Content-Length: {500 * MIB}"))
        connection.settimeout(1.0)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 500 * MIB:
                sent += connection.send(b"x" * MIB)
    release.set()
    assert sent < 40 * MIB


def test_a_caller_who_leaves_during_an_upload_ends_it_for_the_service(gateway: Any, fresh_echo: Any) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(head(gateway, "POST /api/v1/data/imports HTTP/1.1", "Transfer-Encoding: chunked"))
        connection.sendall(b"4\r\nhalf\r\n")
        time.sleep(0.3)
    deadline = time.monotonic() + 3
    while not fresh_echo.cut and time.monotonic() < deadline:
        time.sleep(0.02)
    assert fresh_echo.seen == []
    assert [cut["body_bytes"] for cut in fresh_echo.cut] == [4]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_over_the_limit_is_a_413(framing: str, gateway: Any, fresh_echo: Any) -> None:
    body: Any = b"x" * (MIB + 1) if framing == "length" else iter([b"x" * MIB, b"x"])
    with gateway.client("admin") as client:
        response = client.post("/api/v1/data/products", content=body)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert response.headers["connection"] == "close"
    assert fresh_echo.seen == []


def test_a_body_as_large_as_the_limit_passes(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("admin") as client:
        assert client.post("/api/v1/data/products", content=b"x" * MIB).status_code == 200
        assert client.post("/api/v1/data/products", content=iter([b"x" * MIB])).status_code == 200


def test_a_declared_body_over_the_limit_is_refused_before_it_is_sent(gateway: Any, fresh_echo: Any) -> None:
    request = head(gateway, "POST /api/v1/data/products HTTP/1.1", "Content-Length: 999999999", "Expect: 100-continue")
    answer = gateway.raw(request)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


def test_the_gateways_own_routes_have_the_same_limit(gateway: Any) -> None:
    with gateway.client("admin") as client:
        assert client.post("/api/v1/users", content=b"x" * (MIB + 1)).status_code == 413
        assert client.post("/api/v1/users", content=iter([b"x" * MIB, b"x"])).status_code == 413


def test_a_caller_is_invited_to_send_only_after_being_recognised(gateway: Any, fresh_echo: Any) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=3) as connection:
        expecting = ("Content-Length: 2", "Expect: 100-continue")
        connection.sendall(head(gateway, "POST /api/v1/data/products HTTP/1.1", *expecting))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    refused = gateway.raw(
        b"POST /api/v1/data/products HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert refused.startswith(b"HTTP/1.1 401 ")


def test_a_body_that_stops_coming_is_a_408(start_gateway: Any, fresh_echo: Any) -> None:
    gateway = start_gateway(idle_seconds=0.7)
    for path in ("/api/v1/data/products", "/api/v1/users"):
        answer = gateway.raw(head(gateway, f"POST {path} HTTP/1.1", "Content-Length: 20"))
        assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert fresh_echo.seen == []


def test_an_early_refusal_by_the_service_reaches_the_caller(gateway_to: Any, raw_upstream: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        await asyncio.sleep(2)

    gateway = gateway_to(raw_upstream(handler))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=3) as connection:
        connection.sendall(head(gateway, "POST /api/v1/data/imports HTTP/1.1", "Transfer-Encoding: chunked"))
        connection.sendall(b"4\r\nhalf\r\n")
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b"connection: close" in answer


def test_requests_in_hand_are_finished_when_the_process_is_asked_to_stop(start_gateway: Any, fresh_echo: Any) -> None:
    fresh_echo.answers["/v1/sales"] = lambda: (time.sleep(0.5), (200, [], b"done"))[1]
    gateway = start_gateway()
    answers: list[httpx.Response] = []

    def call() -> None:
        with gateway.client("admin") as client:
            answers.append(client.get("/api/v1/data/sales"))

    gateway.token("admin")
    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(0.2)
    gateway.stop()
    caller.join(5)
    assert [answer.content for answer in answers] == [b"done"]
