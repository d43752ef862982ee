"""The real nginx with our configuration under a prefix of its own, in front of a small gateway that shows what it got."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fixtures.nginx import Nginx, is_installed, running_nginx


@dataclass
class Gateway:
    """Answers with what it received as JSON; special paths stream, fail, or read slowly."""

    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    first_body_bytes: asyncio.Event = field(default_factory=asyncio.Event)
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await self._exchange(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _exchange(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *rows = head.split("\r\n")
        method, path, _ = line.split(" ")
        pairs = [row.split(": ", 1) for row in rows if row]
        headers = {name.lower(): value for name, value in pairs}
        seen = {"method": method, "path": path, "headers": headers, "names": [name.lower() for name, _ in pairs]}
        self.requests.append(seen)
        seen["size"] = await self._read_body(headers, reader)
        if path == "/stream":
            await self._stream(writer)
        elif path.startswith("/sized/"):
            _, _, kind, size = path.split("/")
            await _respond_with(writer, kind.replace("-", "/"), b"a" * int(size))
        elif path == "/api/v1/data/events" and headers.get("upgrade") == "websocket":
            await self._echo_socket(reader, writer)
        elif path == "/failing":
            await _respond(writer, 503, {"code": "unavailable", "detail": "mine"}, "Retry-After: 77\r\n")
        else:
            await _respond(writer, 200, seen)

    async def _read_body(self, headers: dict[str, str], reader: asyncio.StreamReader) -> int:
        if headers.get("transfer-encoding") == "chunked":
            size = 0
            while length := int(await reader.readline(), 16):
                self.first_body_bytes.set()
                await reader.readexactly(length + 2)
                size += length
            await reader.readline()
            return size
        left = size = int(headers.get("content-length", 0))
        while left:
            got = await reader.read(min(left, 65536))
            if not got:
                raise ConnectionResetError
            self.first_body_bytes.set()
            left -= len(got)
        return size

    async def _echo_socket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """After the switch: what comes goes back."""
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(100):
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        await self.may_finish.wait()
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")
        await writer.drain()


async def _respond_with(writer: asyncio.StreamWriter, content_type: str, content: bytes) -> None:
    head = f"HTTP/1.1 200 X\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)
    await writer.drain()


async def _respond(writer: asyncio.StreamWriter, status: int, body: dict[str, Any], extra: str = "") -> None:
    content = json.dumps(body).encode()
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{extra}\r\n".encode() + content)
    await writer.drain()


@dataclass(frozen=True)
class Door:
    nginx: Nginx
    gateway: Gateway
    client: httpx.AsyncClient

    @property
    def url(self) -> str:
        return self.nginx.url

    @property
    def tls_url(self) -> str:
        return self.nginx.tls_url


@asynccontextmanager
async def opened(prefix: Path, **values: str) -> AsyncIterator[Door]:
    gateway = Gateway()
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
        stack.callback(server.close)
        gateway.port = server.sockets[0].getsockname()[1]
        given = {"NGINX_GATEWAY": f"127.0.0.1:{gateway.port}", **values}
        nginx = await stack.enter_async_context(running_nginx(prefix, **given))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, verify=False))
        yield Door(nginx, gateway, client)


@pytest.fixture
def open_door(tmp_path: Path) -> Callable[..., Any]:
    if not is_installed():
        pytest.skip("nginx is not installed (Debian package nginx-light)")
    return lambda **values: opened(tmp_path, **values)


@pytest.fixture
async def door(open_door: Callable[..., Any]) -> AsyncIterator[Door]:
    async with open_door() as opened_door:
        yield opened_door
