"""What the bench starts: proxies pinned to one core, the service behind them and the load on the other."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import yaml
from alembic import command
from alembic.config import Config

from gateway.access.adapters import DEFAULT_FILE
from local.infrastructure.ports import free_port
from local.infrastructure.postgres import start_postgres
from local.infrastructure.valkey import start_valkey
from shared.database.bootstrap import DATABASE, OWNERS, bootstrap_database, role_of

MEMBER = Path(__file__).resolve().parents[2]
CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE, LOAD_CORE = CORES[0], CORES[-1]
EMAIL, PASSWORD = "bench@example.com", secrets.token_urlsafe(16)
SMALL = json.dumps({"items": [{"sku": f"SKU-{n:05}", "name": "an article", "unit": "pcs"} for n in range(17)]})[:1024]
SMALL_PATH, CACHED_PATH, LARGE_PATH = "/api/v1/data/sales", "/api/v1/data/products", "/api/v1/data/stock"
STREAM_PATH, UPLOAD_PATH = "/api/v1/data/demand", "/api/v1/data/imports"
STREAM_BYTES, UPLOAD_BYTES = 1 << 30, 512 << 20

_STREAMER = """
import asyncio, sys, uvloop
PIECE = b"x" * 65536
async def serve(reader, writer):
    while head := await reader.readline():
        while (line := await reader.readline()).strip():
            head += line
        if head.startswith(b"POST"):
            left = int(head.lower().split(b"content-length: ")[1].split(b"\\r")[0])
            while left:
                left -= len(await reader.read(min(left, 1 << 18)))
            writer.write(b"HTTP/1.1 202 Accepted\\r\\ncontent-length: 0\\r\\n\\r\\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n" % int(sys.argv[2]))
            for _ in range(int(sys.argv[2]) // len(PIECE)):
                writer.write(PIECE)
                await writer.drain()
        await writer.drain()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
uvloop.run(main())
"""


@dataclass(frozen=True)
class Proxy:
    name: str
    process: psutil.Process
    port: int
    headers: dict[str, str]

    def cpu_seconds(self) -> float:
        everybody = [self.process, *self.process.children(recursive=True)]
        return sum(times.user + times.system for times in (one.cpu_times() for one in everybody))

    def resident_bytes(self) -> int:
        return int(self.process.memory_info().rss)


def pinned(core: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, {core})


@contextmanager
def process(arguments: list[str], core: int, **environment: str) -> Iterator[psutil.Process]:
    child = subprocess.Popen(
        arguments,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        preexec_fn=pinned(core),  # noqa: PLW1509 -- the bench has one thread
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def nginx(folder: Path, name: str, server: str, core: int) -> Iterator[psutil.Process]:
    home = folder / name
    home.mkdir()
    configuration = home / "nginx.conf"
    configuration.write_text(
        f"worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {home}/b; proxy_temp_path {home}/p;\n"
        f"fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n{server} }}\n"
    )
    with process(["nginx", "-c", str(configuration), "-p", str(home), "-g", "daemon off;"], core) as running:
        yield running


def wait_for(url: str, **headers: str) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            answer = httpx.get(url, headers=headers, timeout=2, trust_env=False)
            if answer.status_code == 200:
                return
            problem = answer.text
        except httpx.HTTPError as error:
            problem = repr(error)
        if time.monotonic() > until:
            raise SystemExit(f"{url} does not answer: {problem}")
        time.sleep(0.1)


@contextmanager
def services(folder: Path) -> Iterator[tuple[int, int]]:
    """Ports of one that answers 1 KB, or 100 KB where stock is asked for, and of one that streams."""
    port, stream_port = free_port(), free_port()
    (folder / "large.json").write_text(SMALL * 100)
    server = (
        f"server {{ listen 127.0.0.1:{port}; default_type application/json; location / {{ return 200 '{SMALL}'; }}\n"
        f" location /v1/stock {{ alias {folder}/large.json; }}\n"
        f" location {LARGE_PATH} {{ alias {folder}/large.json; }} }}"
    )
    streamer = [sys.executable, "-c", _STREAMER, str(stream_port), str(STREAM_BYTES)]
    with nginx(folder, "service", server, LOAD_CORE), process(streamer, LOAD_CORE):
        wait_for(f"http://127.0.0.1:{port}/")
        yield port, stream_port


@contextmanager
def nginx_proxy(folder: Path, upstream: int) -> Iterator[Proxy]:
    port = free_port()
    server = (
        f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; } }'
    )
    with nginx(folder, "proxy", server, PROXY_CORE) as running:
        wait_for(f"http://127.0.0.1:{port}{SMALL_PATH}")
        yield Proxy("nginx proxy_pass", running, port, {})


@contextmanager
def haproxy_proxy(folder: Path, upstream: int) -> Iterator[Proxy]:
    port = free_port()
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        "global\n nbthread 1\n maxconn 2000\ndefaults\n mode http\n timeout connect 5s\n timeout client 60s\n"
        f" timeout server 60s\nfrontend f\n bind 127.0.0.1:{port}\n default_backend b\nbackend b\n"
        f" http-reuse always\n server s 127.0.0.1:{upstream}\n"
    )
    with process(["haproxy", "-f", str(configuration)], PROXY_CORE) as running:
        wait_for(f"http://127.0.0.1:{port}{SMALL_PATH}")
        yield Proxy("haproxy", running, port, {})


@contextmanager
def plain_proxy(upstream: int) -> Iterator[Proxy]:
    port = free_port()
    script = str(Path(__file__).with_name("plain_proxy.py"))
    environment = {"PORT": str(port), "UPSTREAM": f"http://127.0.0.1:{upstream}"}
    with process([sys.executable, script], PROXY_CORE, **environment) as running:
        wait_for(f"http://127.0.0.1:{port}{SMALL_PATH}")
        yield Proxy("FastAPI + httpx", running, port, {})


def _generous_routes(folder: Path) -> Path:
    """Every request is counted, none is refused; everything that streams comes from the service that can."""
    document = yaml.safe_load(DEFAULT_FILE.read_text())
    for rate in document["rates"].values():
        for kind in ("anonymous", "user", "api_key", "service"):
            rate[kind] = "100000000/60"
    document["address_rate"] = "100000000/60"
    data = document["services"]["data"]
    streams = {path: data["routes"].pop(path) for path in ("/demand", "/imports")}
    document["services"]["streams"] = {**data, "upstream": "storage", "routes": streams}
    path = folder / "routes.yaml"
    path.write_text(yaml.safe_dump(document, explicit_end=True))
    return path


@contextmanager
def gateway(folder: Path, upstream: int, streaming: int) -> Iterator[Proxy]:
    with ExitStack() as stack:
        server = stack.enter_context(start_postgres(folder / "postgres", durable=False))
        store = stack.enter_context(start_valkey(folder / "valkey", durable=False))
        asyncio.run(bootstrap_database(server.url, dict.fromkeys(OWNERS, "bench")))
        url = server.url_for(DATABASE, role_of("gateway"), "bench")
        os.environ["GATEWAY_DATABASE_URL"] = url
        command.upgrade(Config(MEMBER / "alembic.ini"), "head")
        port = free_port()
        environment = {
            "GATEWAY_PORT": str(port),
            "GATEWAY_REDIS_URL": store.url,
            "GATEWAY_ROUTES_FILE": str(_generous_routes(folder)),
            "GATEWAY_ADMIN_EMAIL": EMAIL,
            "GATEWAY_ADMIN_PASSWORD": PASSWORD,
            "GATEWAY_DRAIN_SECONDS": "0",
            **{f"GATEWAY_UPSTREAMS__{owner.upper()}": f"http://127.0.0.1:{upstream}" for owner in OWNERS[1:]},
            "GATEWAY_UPSTREAMS__STORAGE": f"http://127.0.0.1:{streaming}",
        }
        running = stack.enter_context(process([sys.executable, "-m", "gateway.main"], PROXY_CORE, **environment))
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/health/live")
        tokens = httpx.post(f"{base}/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD}, trust_env=False)
        headers = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
        wait_for(f"{base}{SMALL_PATH}", **headers)
        yield Proxy("gateway", running, port, headers)
