# ruff: noqa: T201 -- a bench prints
"""The gateway with every policy on, and from its cache, beside nginx `proxy_pass` and a plain FastAPI + httpx proxy.

python gateway/tests/bench/bench_gateway.py [--seconds 3] [--connections 32] [--rounds 5]

Each proxy works alone on the first core; the load (`wrk`), the service behind and the stores share the second. Rounds
alternate, and ratios are medians over the rounds of requests per CPU second of the proxy: what one full core would
serve, whatever else the machine is doing. The last line is one JSON object.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from load import Result, download, extra_memory, measure, upload, wrk
from rig import (
    CACHED_PATH,
    LARGE_PATH,
    LOAD_CORE,
    SMALL,
    SMALL_PATH,
    STREAM_BYTES,
    STREAM_PATH,
    UPLOAD_BYTES,
    UPLOAD_PATH,
    Proxy,
    gateway,
    haproxy_proxy,
    nginx_proxy,
    plain_proxy,
    services,
)

_PAUSE_MS = 5


def rounds(cases: dict[str, tuple[Proxy, str]], options: argparse.Namespace) -> dict[str, list[Result]]:
    """Every case once a round, so that what slows the machine slows them all."""
    results: dict[str, list[Result]] = {name: [] for name in cases}
    for proxy, path in cases.values():
        measure(proxy, path, seconds=1, connections=options.connections)
    for _ in range(options.rounds):
        for name, (proxy, path) in cases.items():
            results[name].append(measure(proxy, path, seconds=options.seconds, connections=options.connections))
    for name, measured in results.items():
        show(name, measured)
    return results


def show(name: str, results: list[Result]) -> None:
    rps, cpu, p99 = (
        statistics.median(getattr(one, field) for one in results) for field in ("rps", "cpu_microseconds", "p99_ms")
    )
    print(f"{name:26} {rps:8.0f} requests/s   {cpu:7.1f} µs CPU/request   p99 {p99:.1f} ms", flush=True)


def ratio(results: dict[str, list[Result]], one: str, other: str) -> float:
    """How many times as many requests per CPU second `one` serves as `other`."""
    pairs = zip(results[one], results[other], strict=True)
    return round(statistics.median(b.cpu_microseconds / a.cpu_microseconds for a, b in pairs), 3)


def added_latency(door: Proxy, service: int, full_rps: float, options: argparse.Namespace) -> tuple[float, float]:
    """Milliseconds at p50 and p99 that the gateway adds to the service's own, at half of what it can do."""
    connections = max(4, round(full_rps / 2 * (_PAUSE_MS + 0.5) / 1000))
    added = []
    for _ in range(3):
        pace = {"seconds": options.seconds, "connections": connections, "pause_ms": _PAUSE_MS}
        _, _, p50, p99 = wrk(service, SMALL_PATH, {}, **pace)
        through = measure(door, SMALL_PATH, **pace)
        print(
            f"half load: {through.rps:.0f} requests/s   p50 {through.p50_ms:.2f} ms   p99 {through.p99_ms:.2f} ms",
            flush=True,
        )
        added.append((max(0.0, through.p50_ms - p50), max(0.0, through.p99_ms - p99)))
    p50s, p99s = zip(*added, strict=True)
    return round(statistics.median(p50s), 2), round(statistics.median(p99s), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if missing := [name for name in ("nginx", "wrk") if shutil.which(name) is None]:
        raise SystemExit(f"This bench needs {' and '.join(missing)} (Debian packages nginx-light, wrk).")
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        service, streaming = stack.enter_context(services(folder))
        edge = stack.enter_context(nginx_proxy(folder, service))
        door = stack.enter_context(gateway(folder, service, streaming))
        plain = stack.enter_context(plain_proxy(service))
        cases = {
            "nginx, 1 KB": (edge, SMALL_PATH),
            "gateway, 1 KB": (door, SMALL_PATH),
            "gateway, 1 KB, cached": (door, CACHED_PATH),
            "nginx, 100 KB": (edge, LARGE_PATH),
            "gateway, 100 KB": (door, LARGE_PATH),
            "FastAPI + httpx, 1 KB": (plain, SMALL_PATH),
        }
        if shutil.which("haproxy"):
            cases["haproxy, 1 KB"] = (stack.enter_context(haproxy_proxy(folder, service)), SMALL_PATH)
        print(f"load: wrk, {options.connections} connections, {len(SMALL)} and {100 * len(SMALL)} bytes", flush=True)
        results = rounds(cases, options)
        full = statistics.median(one.rps for one in results["gateway, 1 KB"])
        added_p50, added_p99 = added_latency(door, service, full, options)
        down = extra_memory(door, download(STREAM_PATH, STREAM_BYTES))
        up = extra_memory(door, upload(UPLOAD_PATH, UPLOAD_BYTES))
        print(f"memory: +{down:.1f} MB while 1 GiB came down, +{up:.1f} MB while 512 MiB went up")
    figures = {
        "gateway_vs_nginx": ratio(results, "gateway, 1 KB", "nginx, 1 KB"),
        "cached_vs_nginx": ratio(results, "gateway, 1 KB, cached", "nginx, 1 KB"),
        "gateway_vs_httpx": ratio(results, "gateway, 1 KB", "FastAPI + httpx, 1 KB"),
        "large_vs_nginx": ratio(results, "gateway, 100 KB", "nginx, 100 KB"),
        "gateway_vs_haproxy": ratio(results, "gateway, 1 KB", "haproxy, 1 KB") if "haproxy, 1 KB" in results else None,
        "added_p50_ms": added_p50,
        "added_p99_ms": added_p99,
        "stream_extra_mb": round(max(down, up), 1),
        "gateway_rps": round(full),
        "gateway_cpu_us": round(statistics.median(one.cpu_microseconds for one in results["gateway, 1 KB"]), 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
