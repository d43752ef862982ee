# ruff: noqa: T201 -- a bench prints
"""The gateway with every policy on, beside nginx `proxy_pass` and a plain FastAPI + httpx proxy.

python gateway/tests/bench/bench_gateway.py [--seconds 4] [--connections 32]

Each proxy runs alone on the first core, the load and the service behind on the second. The ratios compare requests per
second of the proxy's own CPU time: what one full core would serve, whatever else the machine is doing at the moment.
Load comes from `wrk`, or from a small client of our own. The last line is one JSON object.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
BODY = json.dumps({"items": [{"sku": f"SKU-{n:05}", "name": "an article", "unit": "pcs"} for n in range(17)]})[:1024]
PATH = "/api/v1/data/sales"
EMAIL, PASSWORD = "bench@example.com", secrets.token_urlsafe(16)
CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE, LOAD_CORE = CORES[0], CORES[-1]


@dataclass(frozen=True)
class Result:
    """`per_cpu_second`: requests for each second of CPU the proxy used."""

    rps: float
    per_cpu_second: float
    cpu_microseconds: float
    p99_ms: float | None


def pinned(core: int) -> Any:
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
            child.wait(10)
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


async def _client(port: int, request: bytes, until: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        if not head.startswith(b"HTTP/1.1 200") or found is None:
            raise SystemExit(f"unexpected answer: {head!r}")
        await reader.readexactly(int(found[1]))
        latencies.append(time.perf_counter() - began)
    writer.close()


def own_load(port: int, headers: dict[str, str], seconds: float, connections: int) -> tuple[float, float]:
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "bench", **headers}.items())
    request = f"GET {PATH} HTTP/1.1\r\n{lines}\r\n".encode()
    latencies: list[float] = []

    async def run() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(_client(port, request, until, latencies) for _ in range(connections)))

    asyncio.run(run())
    return len(latencies) / seconds, sorted(latencies)[int(len(latencies) * 0.99)] * 1000


def wrk_load(port: int, headers: dict[str, str], seconds: float, connections: int) -> tuple[float, float]:
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    duration = f"{max(1, round(seconds))}s"
    report = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{duration}", "--latency", *given, f"http://127.0.0.1:{port}{PATH}"],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=pinned(LOAD_CORE),
    ).stdout
    if "Non-2xx" in report:
        raise SystemExit(report)
    rps = float(re.search(r"Requests/sec:\s+([\d.]+)", report)[1])  # type: ignore[index]
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", report).groups()  # type: ignore[union-attr]
    return rps, float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def cpu_seconds(running: psutil.Process) -> float:
    everybody = [running, *running.children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in everybody))


def measure(running: psutil.Process, port: int, headers: dict[str, str], options: argparse.Namespace) -> Result:
    load = wrk_load if shutil.which("wrk") else own_load
    load(port, headers, 1, options.connections)
    rounds = []
    for _ in range(options.rounds):
        before = cpu_seconds(running)
        rps, p99 = load(port, headers, options.seconds, options.connections)
        used = cpu_seconds(running) - before
        requests = rps * options.seconds
        rounds.append(Result(rps, requests / used, used / requests * 1e6, p99))
    return sorted(rounds, key=lambda result: result.per_cpu_second)[len(rounds) // 2]


def generous_routes(folder: Path) -> Path:
    """Every request is counted, none is refused."""
    document = yaml.safe_load(DEFAULT_FILE.read_text())
    for rate in document["rates"].values():
        for kind in ("anonymous", "user", "api_key", "service"):
            rate[kind] = "100000000/60"
    document["address_rate"] = "100000000/60"
    path = folder / "routes.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def bench_gateway(folder: Path, upstream: int, options: argparse.Namespace) -> Result:
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
            "GATEWAY_ROUTES_FILE": str(generous_routes(folder)),
            "GATEWAY_ADMIN_EMAIL": EMAIL,
            "GATEWAY_ADMIN_PASSWORD": PASSWORD,
            **{f"GATEWAY_UPSTREAMS__{owner.upper()}": f"http://127.0.0.1:{upstream}" for owner in OWNERS[1:]},
        }
        running = stack.enter_context(process([sys.executable, "-m", "gateway.main"], PROXY_CORE, **environment))
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/health/live")
        tokens = httpx.post(f"{base}/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD}, trust_env=False)
        headers = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
        wait_for(f"{base}{PATH}", **headers)
        result = measure(running, port, headers, options)
        metrics = httpx.get(f"{base}/metrics", trust_env=False).text
        shared = float(re.search(r'decisions_total\{counters="shared",outcome="allowed"\} ([\d.e+]+)', metrics)[1])  # type: ignore[index]
        local = re.search(r'decisions_total\{counters="local",outcome="allowed"\} ([\d.e+]+)', metrics)
        batches = float(re.search(r"batches_total ([\d.e+]+)", metrics)[1])  # type: ignore[index]
        print(
            f"rate limit decisions: {shared:.0f} shared in {batches:.0f} calls to Redis,"
            f" {float(local[1]) if local else 0:.0f} alone"
        )
        return result


def bench_nginx(folder: Path, upstream: int, options: argparse.Namespace) -> Result:
    port = free_port()
    server = (
        f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}\n"
        f'server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}'
    )
    with nginx(folder, "proxy", server, PROXY_CORE) as running:
        wait_for(f"http://127.0.0.1:{port}{PATH}")
        return measure(running, port, {}, options)


def bench_plain(upstream: int, options: argparse.Namespace) -> Result:
    port = free_port()
    script = str(Path(__file__).with_name("plain_proxy.py"))
    environment = {"PORT": str(port), "UPSTREAM": f"http://127.0.0.1:{upstream}"}
    with process([sys.executable, script], PROXY_CORE, **environment) as running:
        wait_for(f"http://127.0.0.1:{port}{PATH}")
        return measure(running, port, {}, options)


UPSTREAM_SCRIPT = """
import asyncio, sys, uvloop
ANSWER = ("HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n%s" % (len(sys.argv[2]), sys.argv[2])).encode()
class Service(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
uvloop.run(main())
"""


@contextmanager
def service(folder: Path) -> Iterator[int]:
    """Answers 1 KB of JSON to everything."""
    port = free_port()
    if shutil.which("nginx"):
        server = f"server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{BODY}'; }} }}"
        with nginx(folder, "service", server, LOAD_CORE):
            wait_for(f"http://127.0.0.1:{port}/")
            yield port
    else:
        with process([sys.executable, "-c", UPSTREAM_SCRIPT, str(port), BODY], LOAD_CORE):
            wait_for(f"http://127.0.0.1:{port}/")
            yield port


def show(name: str, result: Result | None) -> None:
    if result is None:
        print(f"{name:24} not installed")
        return
    print(
        f"{name:24} {result.rps:8.0f} requests/s   {result.cpu_microseconds:7.1f} µs CPU/request   p99 {result.p99_ms:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        upstream = stack.enter_context(service(folder))
        print(
            f"load: {'wrk' if shutil.which('wrk') else 'own client'}, {options.connections} connections, {len(BODY)} bytes"
        )
        by_nginx = bench_nginx(folder, upstream, options) if shutil.which("nginx") else None
        show("nginx proxy_pass", by_nginx)
        by_gateway = bench_gateway(folder, upstream, options)
        show("gateway, all policies", by_gateway)
        by_plain = bench_plain(upstream, options)
        show("FastAPI + httpx", by_plain)
    figures = {
        "gateway_vs_nginx": round(by_gateway.per_cpu_second / by_nginx.per_cpu_second, 3) if by_nginx else None,
        "gateway_vs_httpx": round(by_gateway.per_cpu_second / by_plain.per_cpu_second, 1),
        "gateway_rps": round(by_gateway.rps),
        "gateway_cpu_us": round(by_gateway.cpu_microseconds, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
