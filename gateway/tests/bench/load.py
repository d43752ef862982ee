"""Load on a proxy, and what it costs: `wrk` for requests, plain sockets for streams."""

import re
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass

from rig import LOAD_CORE, Proxy, pinned

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Result:
    """`cpu_microseconds`: of the proxy, for each request."""

    rps: float
    cpu_microseconds: float
    p50_ms: float
    p99_ms: float


def wrk(
    port: int, path: str, headers: dict[str, str], *, seconds: int, connections: int, pause_ms: int = 0
) -> tuple[int, float, float, float]:
    """Requests, requests per second, and the latencies p50 and p99 in ms. `pause_ms`: between two of a connection."""
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"function delay() return {pause_ms} end\n")
        script.flush()
        paced = ["-s", script.name] if pause_ms else []
        report = subprocess.run(
            [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--latency",
                *paced,
                *given,
                f"http://127.0.0.1:{port}{path}",
            ],
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=pinned(LOAD_CORE),
        ).stdout
    if "Non-2xx" in report or "Socket errors" in report:
        raise SystemExit(report)
    requests = re.search(r"(\d+) requests in", report)
    rps = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if requests is None or rps is None:
        raise SystemExit(report)
    return int(requests[1]), float(rps[1]), _latency(report, 50), _latency(report, 99)


def _latency(report: str, percentile: int) -> float:
    found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", report)
    if found is None:
        raise SystemExit(report)
    return float(found[1]) * _UNITS[found[2]]


def measure(proxy: Proxy, path: str, *, seconds: int, connections: int, pause_ms: int = 0) -> Result:
    before = proxy.cpu_seconds()
    requests, rps, p50, p99 = wrk(
        proxy.port, path, proxy.headers, seconds=seconds, connections=connections, pause_ms=pause_ms
    )
    return Result(rps, (proxy.cpu_seconds() - before) / requests * 1e6, p50, p99)


def extra_memory(proxy: Proxy, transfer: Callable[[Proxy], None]) -> float:
    """MB the proxy's resident memory grew by, at most, while the transfer ran."""
    before = peak = proxy.resident_bytes()
    running = threading.Thread(target=transfer, args=(proxy,))
    running.start()
    while running.is_alive():
        running.join(0.02)
        peak = max(peak, proxy.resident_bytes())
    return (peak - before) / 1e6


def _connect(proxy: Proxy, head: str) -> socket.socket:
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "bench", **proxy.headers}.items())
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
    connection.sendall(f"{head} HTTP/1.1\r\n{lines}".encode())
    return connection


def download(path: str, size: int) -> Callable[[Proxy], None]:
    def transfer(proxy: Proxy) -> None:
        with _connect(proxy, f"GET {path}") as connection:
            connection.sendall(b"\r\n")
            received = 0
            while received < size:
                piece = connection.recv(1 << 18)
                if not piece:
                    raise SystemExit(f"the stream broke off after {received} bytes")
                received += len(piece)

    return transfer


def upload(path: str, size: int) -> Callable[[Proxy], None]:
    def transfer(proxy: Proxy) -> None:
        with _connect(proxy, f"POST {path}?kind=sales&filename=a.csv") as connection:
            connection.sendall(f"Content-Length: {size}\r\nContent-Type: text/csv\r\n\r\n".encode())
            piece = b"x" * (1 << 18)
            for _ in range(size // len(piece)):
                connection.sendall(piece)
            if not connection.recv(1024).startswith(b"HTTP/1.1 202"):
                raise SystemExit("the upload was not taken")

    return transfer
