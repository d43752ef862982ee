"""The real nginx with our configuration under a prefix of its own, in front of a small gateway that shows what it got."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.infrastructure.ports import accepts_connections, free_port

FOLDER = Path(__file__).resolve().parents[1]
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


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

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        await self.may_finish.wait()
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")
        await writer.drain()


async def _respond(writer: asyncio.StreamWriter, status: int, body: dict[str, Any], extra: str = "") -> None:
    content = json.dumps(body).encode()
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{extra}\r\n".encode() + content)
    await writer.drain()


@dataclass(frozen=True)
class Door:
    url: str
    tls_url: str
    gateway: Gateway
    client: httpx.AsyncClient
    log: Path


def render(prefix: Path, values: dict[str, str], ports: dict[str, int]) -> Path:
    """What the image's start does with templates/, and every absolute path moved below `prefix`."""
    for name in ("conf.d", "tls", "tmp"):
        (prefix / name).mkdir()
    template = (FOLDER / "templates/gateway.conf.template").read_text(encoding="utf-8")
    rendered = re.sub(r"\$\{([A-Z_]+)\}", lambda match: values[match[1]], template)
    rendered = rendered.replace("listen 127.0.0.1:8081", f"listen 127.0.0.1:{ports['health']}")
    rendered = rendered.replace("listen 8080", f"listen 127.0.0.1:{ports['http']}")
    for source in FOLDER.glob("tls/*.conf"):
        text = source.read_text(encoding="utf-8").replace("listen 8443", f"listen 127.0.0.1:{ports['https']}")
        (prefix / "tls" / source.name).write_text(_moved(text, prefix), encoding="utf-8")
    (prefix / "conf.d/gateway.conf").write_text(_moved(rendered, prefix), encoding="utf-8")
    main = (FOLDER / "nginx.conf").read_text(encoding="utf-8").replace("worker_processes auto", "worker_processes 1")
    main = main.replace("/dev/stdout", f"{prefix}/access.log").replace("/dev/stderr", "stderr")
    # As root nginx would hand its workers to an account that cannot enter this folder.
    account = "user root;\n" if os.geteuid() == 0 else ""
    (prefix / "nginx.conf").write_text(f"daemon off;\n{account}{_moved(main, prefix)}", encoding="utf-8")
    return prefix / "nginx.conf"


def _moved(text: str, prefix: Path) -> str:
    return (
        text.replace("/etc/nginx/", f"{prefix}/")
        .replace("/tmp/", f"{prefix}/tmp/")
        .replace(f"{prefix}/tmp{str(prefix).removeprefix('/tmp')}", str(prefix))
    )


@asynccontextmanager
async def opened(prefix: Path, **values: str) -> AsyncIterator[Door]:
    gateway = Gateway()
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    gateway.port = server.sockets[0].getsockname()[1]
    ports = {name: free_port() for name in ("http", "https", "health")}
    given = {
        "NGINX_GATEWAY": f"127.0.0.1:{gateway.port}",
        "NGINX_REQUESTS_PER_SECOND": "1000",
        "NGINX_TLS": "off",
        "NGINX_TRUSTED_PROXY": "unix:",
        **values,
    }
    configuration = render(prefix, given, ports)
    log = prefix / "error.log"
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        output = stack.enter_context(log.open("wb"))
        child = await asyncio.create_subprocess_exec(
            NGINX, "-e", "stderr", "-p", str(prefix), "-c", str(configuration), stdout=output, stderr=output
        )
        stack.push_async_callback(child.wait)
        stack.callback(child.terminate)
        for _ in range(100):
            if accepts_connections(ports["http"]):
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail(log.read_text(encoding="utf-8"))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, verify=False))
        yield Door(f"http://127.0.0.1:{ports['http']}", f"https://127.0.0.1:{ports['https']}", gateway, client, log)


@pytest.fixture
def open_door(tmp_path: Path) -> Callable[..., Any]:
    if not Path(NGINX).exists():
        pytest.skip("nginx is not installed (Debian package nginx-light)")
    return lambda **values: opened(tmp_path, **values)


@pytest.fixture
async def door(open_door: Callable[..., Any]) -> AsyncIterator[Door]:
    async with open_door() as opened_door:
        yield opened_door
