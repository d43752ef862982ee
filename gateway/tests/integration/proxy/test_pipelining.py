"""Many requests on one connection, whole, in pieces and in one packet: each is answered once, in its turn."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from prometheus_client import REGISTRY

SALES = "/api/v1/data/sales"
PRODUCTS = "/api/v1/data/products"
MIB = 1024 * 1024


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def numbered(connection: Any, *numbers: int) -> bytes:
    return b"".join(connection.request(f"{SALES}?n={number}") for number in numbers)


def test_requests_in_one_packet_are_answered_in_order(gateway: Any, wire: Any, fresh_echo: Any) -> None:
    connection = wire(gateway)
    connection.ask(SALES)
    connection.send(numbered(connection, *range(20)))
    bodies = [connection.answer().body for _ in range(20)]
    assert all(b'"query": "n=%d"' % number in body for number, body in enumerate(bodies))


def test_what_comes_while_a_request_is_carried_waits_for_its_turn(
    gateway: Any, wire: Any, fresh_echo: Any, passages: list[bytes]
) -> None:
    connection = wire(gateway)
    connection.ask(SALES)
    fresh_echo.answers["/v1/sales"] = lambda: (time.sleep(0.2), (200, [], b"slow"))[1]
    passages.clear()
    connection.send(connection.request(SALES))
    time.sleep(0.05)
    refused = connection.request("/api/v1/data/nothing")
    posted = connection.request(PRODUCTS, "Content-Length: 2", method="POST") + b"{}"
    connection.send(connection.request(PRODUCTS) + refused + posted + connection.request(SALES))
    statuses = [connection.answer().status for _ in range(5)]
    assert statuses == [200, 200, 404, 200, 200]
    assert passages == [PRODUCTS.encode(), b"/api/v1/data/nothing", PRODUCTS.encode(), SALES.encode()]


def test_a_request_split_anywhere_is_the_same_request(gateway: Any, wire: Any, fresh_echo: Any) -> None:
    connection = wire(gateway)
    request = connection.request(f"{SALES}?n=1", "Accept: text/csv")
    for position in range(1, len(request), 7):
        connection.send(request[:position])
        time.sleep(0.001)
        connection.send(request[position:])
        assert connection.answer().status == 200
    connection.send(request[:-1])
    time.sleep(0.02)
    connection.send(request[-1:] + numbered(connection, 2))
    assert [connection.answer().status for _ in range(2)] == [200, 200]
    assert {(seen["path"], seen["query"]) for seen in fresh_echo.seen} == {("/v1/sales", "n=1"), ("/v1/sales", "n=2")}


def test_a_request_may_come_byte_by_byte(gateway: Any, wire: Any, fresh_echo: Any) -> None:
    connection = wire(gateway, "admin")
    request = connection.request(PRODUCTS, "Content-Length: 2", method="POST") + b"{}" + numbered(connection, 3)
    for position in range(len(request)):
        connection.send(request[position : position + 1])
    assert [connection.answer().status for _ in range(2)] == [200, 200]
    assert [seen["body_bytes"] for seen in fresh_echo.seen] == [2, 0]


def test_a_body_and_the_next_request_may_share_a_packet(gateway: Any, wire: Any, fresh_echo: Any) -> None:
    connection = wire(gateway, "admin")
    posted = connection.request(PRODUCTS, "Content-Length: 5", method="POST") + b"GET /"
    connection.send(posted + numbered(connection, 1) + posted + numbered(connection, 2))
    assert [connection.answer().status for _ in range(4)] == [200] * 4
    seen = [(one["method"], one["query"], one["body_bytes"]) for one in fresh_echo.seen]
    assert seen == [("POST", "", 5), ("GET", "n=1", 0), ("POST", "", 5), ("GET", "n=2", 0)]


def test_what_follows_a_chunked_body_in_its_packet_is_not_answered(gateway: Any, wire: Any, fresh_echo: Any) -> None:
    connection = wire(gateway, "admin")
    posted = connection.request(PRODUCTS, "Transfer-Encoding: chunked", method="POST") + b"2\r\n{}\r\n0\r\n\r\n"
    connection.send(posted + numbered(connection, 1))
    first = connection.answer()
    assert (first.status, first.values("connection")) == (200, ["close"])
    assert connection.rest() == b""
    assert [(seen["method"], seen["body_bytes"]) for seen in fresh_echo.seen] == [("POST", 2)]


def test_a_chunked_body_and_then_another_packet_are_two_requests(gateway: Any, wire: Any, fresh_echo: Any) -> None:
    connection = wire(gateway, "admin")
    connection.send(connection.request(PRODUCTS, "Transfer-Encoding: chunked", method="POST") + b"2\r\n{}\r\n0\r\n\r\n")
    assert connection.answer().status == 200
    assert connection.ask(SALES).status == 200


@pytest.mark.parametrize("space", [" ", "\t", "  \t"])
def test_blanks_behind_a_length_stop_nobody(space: str, gateway: Any, wire: Any) -> None:
    """A length the gateway read otherwise than its parser once kept the whole process busy for ever."""
    connection = wire(gateway, "admin")
    connection.send(connection.request(PRODUCTS, f"Content-Length: 5{space}", method="POST") + b"hello")
    assert connection.answer().status in {200, 400}
    assert wire(gateway).ask(SALES).status == 200


def test_garbage_behind_a_request_ends_the_connection_after_its_answer(
    gateway: Any, wire: Any, fresh_echo: Any
) -> None:
    for garbage in (b"garbage\r\n\r\n", b"\x16\x03\x01\x00", b"GET /x HTTP/9.9\r\n\r\n"):
        connection = wire(gateway)
        connection.send(numbered(connection, 1) + garbage)
        assert connection.answer().status == 200
        assert connection.rest() == b""


def test_a_refusal_never_overtakes_an_answer(gateway: Any, wire: Any, fresh_echo: Any) -> None:
    fresh_echo.answers["/v1/sales"] = lambda: (time.sleep(0.2), (200, [], b"slow"))[1]
    for is_quick in (False, True):
        connection = wire(gateway)
        if is_quick:
            connection.ask(SALES)
        connection.send(connection.request(SALES))
        time.sleep(0.05)
        connection.send(b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.answer().body == b"slow"
        left = connection.rest()
        assert left == b"" or left.startswith(b"HTTP/1.1 400 "), left


class Stalling:
    """Answers `first`, and goes on with blocks until somebody stops it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sent = 0
        self.cut = threading.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b"big=1" not in head:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    continue
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % self.size)
                while self.sent < self.size:
                    writer.write(b"x" * MIB)
                    await writer.drain()
                    self.sent += MIB
        except (asyncio.IncompleteReadError, ConnectionError):
            self.cut.set()


def send_big(connection: Any, *, is_quick: bool) -> None:
    request = connection.request(f"{SALES}?big=1", *(() if is_quick else ("Connection: close",)))
    connection.send(request)


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_caller_who_does_not_read_holds_up_only_the_service(
    is_quick: bool, gateway_to: Any, raw_upstream: Any, wire: Any, passages: list[bytes]
) -> None:
    service = Stalling(50 * MIB)
    gateway = gateway_to(raw_upstream(service), idle_seconds=30.0)
    connection = wire(gateway)
    connection.ask(SALES)
    passages.clear()
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    send_big(connection, is_quick=is_quick)
    time.sleep(0.5)
    assert service.sent < 20 * MIB
    assert process.memory_info().rss - before < 20 * MIB
    assert len(connection.answer().body) == 50 * MIB
    assert bool(passages) is not is_quick
    assert not service.cut.is_set()


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_caller_who_leaves_ends_the_transfer_and_frees_its_place(
    is_quick: bool, gateway_to: Any, raw_upstream: Any, wire: Any, passages: list[bytes]
) -> None:
    service = Stalling(500 * MIB)
    gateway = gateway_to(raw_upstream(service), upstream_connections=1)
    connection, other = wire(gateway), wire(gateway)
    connection.ask(SALES)
    passages.clear()
    gone, failures = value("gateway_clients_gone_total"), value("gateway_upstream_failures_total", upstream="data")
    send_big(connection, is_quick=is_quick)
    connection.socket.recv(MIB)
    assert bool(passages) is not is_quick
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()
    assert service.cut.wait(5)
    assert other.ask(SALES).status == 200
    assert value("gateway_clients_gone_total") == gone + 1
    assert value("gateway_upstream_failures_total", upstream="data") == failures
    assert eventually(lambda: value("gateway_requests_in_progress") == 0)


@pytest.mark.parametrize("is_quick", [True, False])
def test_callers_who_do_not_read_are_no_failures_of_the_service(
    is_quick: bool, gateway_to: Any, raw_upstream: Any, wire: Any
) -> None:
    gateway = gateway_to(raw_upstream(Stalling(50 * MIB)), idle_seconds=0.5)
    connections = [wire(gateway) for _ in range(6)]
    for connection in connections:
        connection.ask(SALES)
    failures = value("gateway_upstream_failures_total", upstream="data", reason="slow")
    for connection in connections:
        send_big(connection, is_quick=is_quick)
    time.sleep(1.2)
    assert wire(gateway).ask(SALES).status == 200  # the breaker is closed
    assert value("gateway_upstream_failures_total", upstream="data", reason="slow") == failures


def test_a_caller_who_asks_on_and_on_without_reading_is_not_answered_into_memory(
    gateway_to: Any, raw_upstream: Any, wire: Any, passages: list[bytes]
) -> None:
    body, answered = b"y" * 100_000, []

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            answered.append(1)

    gateway = gateway_to(raw_upstream(service))
    connection = wire(gateway)
    connection.ask(SALES)
    passages.clear()
    for number in range(300):
        connection.send(numbered(connection, number))
        time.sleep(0.002)
    time.sleep(0.2)
    assert len(answered) < 150  # what the sockets' buffers take, and no more
    for _ in range(300):
        assert connection.answer().body == body
    assert len(passages) < 300
