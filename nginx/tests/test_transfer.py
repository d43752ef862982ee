"""What happens to bodies, slow callers, other hosts and connections on their way."""

import asyncio
import gzip
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.fixtures.nginx import FOLDER

MEBIBYTE = 1 << 20
HEAD = "Host: localhost\r\n"


async def opened(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def raw(url: str, request: bytes, seconds: float = 5) -> bytes:
    reader, writer = await opened(url)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(65536), seconds)
    writer.close()
    return answer


@pytest.mark.parametrize("kind", ["application-json", "application-problem+json", "text-csv", "text-html", "text-css"])
async def test_text_is_compressed_for_who_asks(door: Any, kind: str) -> None:
    async with door.client.stream(
        "GET", f"{door.url}/sized/{kind}/5000", headers={"Accept-Encoding": "gzip"}
    ) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["vary"]
        data = b"".join([piece async for piece in answer.aiter_raw()])
    assert len(data) < 500
    assert gzip.decompress(data) == b"a" * 5000
    plain = await door.client.get(f"{door.url}/sized/{kind}/5000", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "path",
    ["/sized/application-vnd.apache.arrow.stream/5000", "/sized/application-zip/5000", "/sized/application-json/500"],
)
async def test_what_is_small_or_compressed_already_passes_as_it_is(door: Any, path: str) -> None:
    answer = await door.client.get(f"{door.url}{path}", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/me", "/api/v1/users", "/api/v1/api-keys/1"])
async def test_answers_with_secrets_are_never_compressed(door: Any, path: str) -> None:
    filler = {"X-Filler": "a" * 3000}  # repeated in the answer, as an attacker would have it
    answer = await door.client.get(f"{door.url}{path}", headers={"Accept-Encoding": "gzip", **filler})
    assert len(answer.content) > 3000
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "169.254.169.254", "gateway", "[::1]"])
async def test_a_host_that_is_not_ours_gets_nothing(door: Any, host: str) -> None:
    answer = await raw(door.url, f"GET /api/v1/users HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"application/problem+json" in answer
    assert door.gateway.requests == []


async def test_any_host_can_be_allowed_behind_an_ingress(open_door: Callable[..., Any]) -> None:
    async with open_door(NGINX_SERVER_NAMES="~.") as door:
        answer = await door.client.get(f"{door.url}/x", headers={"Host": "procurement.example.com"})
        assert answer.json()["headers"]["host"] == "procurement.example.com"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (f"GET /{'a' * 20_000} HTTP/1.1\r\n{HEAD}\r\n", 414),
        (f"GET / HTTP/1.1\r\n{HEAD}X-A: {'a' * 20_000}\r\n\r\n", 431),
        (f"GET / HTTP/1.1\r\n{HEAD}" + "".join(f"X-{n}: {'a' * 9_000}\r\n" for n in range(9)) + "\r\n", 431),
        (f"POST /api/v1/users HTTP/1.1\r\n{HEAD}Content-Length: 2000000\r\n\r\n", 413),
        (f"TRACE / HTTP/1.1\r\n{HEAD}\r\n", 405),
        (f"POST / HTTP/1.1\r\n{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (f"GET / HTTP/2.0\r\n{HEAD}\r\n", 400),
    ],
)
async def test_a_limit_is_said_as_a_problem_document(door: Any, request_: str, status: int) -> None:
    answer = await raw(door.url, request_.encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer[:200]
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status
    assert b"nosniff" in head.lower()
    assert door.gateway.requests == []


async def test_security_headers_come_once_and_pages_keep_their_own_policy(door: Any) -> None:
    answer = await door.client.get(f"{door.url}/x")
    policy = answer.headers.get_list("content-security-policy")
    assert policy == ["default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"]
    for name in ("x-content-type-options", "x-frame-options", "referrer-policy", "permissions-policy"):
        assert len(answer.headers.get_list(name)) == 1


async def test_a_request_has_one_id_everywhere(door: Any) -> None:
    given = (await door.client.get(f"{door.url}/x", headers={"X-Request-Id": "mine-1"})).json()
    assert given["headers"]["x-request-id"] == "mine-1"
    replaced = (await door.client.get(f"{door.url}/x", headers={"X-Request-Id": 'a"b {c}'})).json()
    assert re.fullmatch(r"[0-9a-f]{32}", replaced["headers"]["x-request-id"])
    refused = await door.client.get(f"{door.url}/metrics", headers={"X-Request-Id": "mine-2"})
    assert refused.json()["request_id"] == refused.headers["x-request-id"] == "mine-2"


async def test_only_a_socket_on_a_route_of_events_is_passed_through(door: Any) -> None:
    upgrade = f"{HEAD}Connection: Upgrade\r\nUpgrade: {{}}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    reader, writer = await opened(door.url)
    writer.write(f"GET /api/v1/data/events HTTP/1.1\r\n{upgrade.format('websocket')}".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.write(b"ping")
    assert await asyncio.wait_for(reader.read(10), 5) == b"ping"
    writer.close()
    for path, to in (("/api/v1/data/events", "h2c"), ("/api/v1/data/products", "websocket"), ("/events", "websocket")):
        answer = await raw(door.url, f"GET {path} HTTP/1.1\r\n{upgrade.format(to)}".encode())
        assert answer.startswith(b"HTTP/1.1 200")
        assert not {"upgrade", "connection"} & set(door.gateway.requests[-1]["names"])


async def test_a_slow_head_and_a_slow_body_are_cut(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (FOLDER / "nginx.conf").read_text()
    quick = text.replace("client_header_timeout 10s", "client_header_timeout 1s")
    quick = quick.replace("client_body_timeout 30s", "client_body_timeout 1s")
    assert quick.count("timeout 1s") == 2
    folder = tmp_path / "quick"
    for name in ("templates", "tls"):
        (folder / name).mkdir(parents=True)
        for file in (FOLDER / name).iterdir():
            (folder / name / file.name).write_text(file.read_text())
    (folder / "nginx.conf").write_text(quick)
    monkeypatch.setattr("tests.fixtures.nginx.FOLDER", folder)
    async with open_door() as door:
        began = time.monotonic()
        for request in (
            f"GET / HTTP/1.1\r\n{HEAD}",
            f"POST /api/v1/users HTTP/1.1\r\n{HEAD}Content-Length: 9\r\n\r\n1",
        ):
            reader, writer = await opened(door.url)
            writer.write(request.encode())
            try:
                rest = await asyncio.wait_for(reader.read(), 5)
            except ConnectionResetError:
                rest = b""
            assert rest == b"" or rest.startswith(b"HTTP/1.1 408")
            writer.close()
        assert time.monotonic() - began < 5
        assert door.gateway.requests == []


async def test_one_address_may_hold_a_hundred_connections(door: Any) -> None:
    waiting = [asyncio.create_task(door.client.get(f"{door.url}/stream", timeout=20)) for _ in range(100)]
    for _ in range(200):
        if len(door.gateway.requests) == 100:
            break
        await asyncio.sleep(0.05)
    assert len(door.gateway.requests) == 100
    one_more = await raw(door.url, f"GET /x HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
    assert one_more.startswith(b"HTTP/1.1 429")
    door.gateway.may_finish.set()
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}


async def test_a_read_is_asked_again_elsewhere_and_a_write_is_not(open_door: Callable[..., Any]) -> None:
    """The first address takes the request and closes without a word."""

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.split(b" ", 1)[0])
        writer.close()

    seen: list[bytes] = []
    bad = await asyncio.start_server(rude, "127.0.0.1", 0)
    good = await asyncio.start_server(lambda r, w: polite(r, w, seen), "127.0.0.1", 0)
    addresses = " ".join(f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in (bad, good))
    async with open_door(NGINX_GATEWAY=addresses) as door:
        reads = [(await door.client.get(f"{door.url}/x")).status_code for _ in range(4)]
        assert reads == [200] * 4
        seen.clear()
        writes = [(await door.client.post(f"{door.url}/x", content=b"{}")).status_code for _ in range(4)]
        assert seen.count(b"POST") == 4, "a write was sent twice"
        assert sorted(writes) == [200, 200, 503, 503]
    bad.close()
    good.close()


async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: list[bytes]) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            seen.append(b"GET2" if head.startswith(b"GET") else b"POST")
            if head.startswith(b"POST"):
                await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def test_an_upload_of_200_megabytes_leaves_no_trace_in_memory_or_on_disk(door: Any, tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        piece = bytes(MEBIBYTE)
        for _ in range(200):
            yield piece

    await door.client.get(f"{door.url}/x")
    before, most = memory(door), 0
    upload = asyncio.create_task(
        door.client.post(f"{door.url}/api/v1/data/imports?kind=sales", content=pieces(), timeout=60)
    )
    while not upload.done():
        most = max(most, memory(door))
        await asyncio.sleep(0.02)
    assert (await upload).json()["size"] == 200 * MEBIBYTE
    assert most - before < 8 * MEBIBYTE
    assert not [file for file in (tmp_path / "tmp").rglob("*") if file.is_file() and file.stat().st_size > 1000]


def memory(door: Any) -> int:
    parent = psutil.Process(door.nginx.process.pid)
    return sum(process.memory_info().rss for process in (parent, *parent.children()))


async def test_a_reload_cuts_nothing(door: Any) -> None:
    async with door.client.stream("GET", f"{door.url}/stream") as answer:
        parts = answer.aiter_bytes()
        assert await asyncio.wait_for(anext(parts), 5) == b"first"
        workers = {child.pid for child in psutil.Process(door.nginx.process.pid).children()}
        statuses = []
        door.nginx.reload()
        for _ in range(50):
            statuses.append((await door.client.get(f"{door.url}/x")).status_code)
            await asyncio.sleep(0.01)
        assert statuses == [200] * 50
        assert {child.pid for child in psutil.Process(door.nginx.process.pid).children()} - workers, (
            "a new worker serves"
        )
        door.gateway.may_finish.set()
        assert await asyncio.wait_for(anext(parts), 5) == b"last"
