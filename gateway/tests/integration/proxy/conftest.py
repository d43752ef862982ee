"""Gateways whose products route keeps answers as a test wants it, and connections on which every byte is the test's."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from gateway.proxy.router.passage import Passage

PRODUCTS = "/products"


@dataclass(frozen=True)
class WireAnswer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given == name]


class Wire:
    """A connection to a gateway; `answer` reads exactly one answer, whatever follows it."""

    def __init__(self, gateway: Any, role: str | None = "buyer") -> None:
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._credentials = (f"Authorization: Bearer {gateway.token(role)}",) if role is not None else ()
        self._file = self.socket.makefile("rb")

    def request(self, target: str, *headers: str, method: str = "GET") -> bytes:
        lines = [f"{method} {target} HTTP/1.1", "Host: a", *self._credentials, *headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, target: str, *headers: str) -> WireAnswer:
        self.send(self.request(target, *headers))
        return self.answer()

    def answer(self) -> WireAnswer:
        line = self._file.readline()
        if not line:
            raise EOFError("the gateway closed the connection without an answer")
        status = int(line.split(b" ")[1])
        headers = []
        while (field := self._file.readline()) not in {b"\r\n", b""}:
            name, _, value = field.decode("latin-1").rstrip("\r\n").partition(": ")
            headers.append((name, value))
        return WireAnswer(status, headers, self._body(status, dict(headers)))

    def _body(self, status: int, headers: dict[str, str]) -> bytes:
        if status in {101, 204, 304}:
            return b""
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        assert headers["transfer-encoding"] == "chunked"
        pieces = []
        while size := int(self._file.readline(), 16):
            pieces.append(self._exactly(size))
            assert self._file.read(2) == b"\r\n"
        assert self._file.readline() == b"\r\n"
        return b"".join(pieces)

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        assert len(data) == size, f"{len(data)} of {size} bytes came"
        return data

    def rest(self) -> bytes:
        """Everything until the gateway closes."""
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """`wire(gateway, role)`: a connection, closed after the test."""
    with ExitStack() as stack:

        def open_wire(gateway: Any, role: str | None = "buyer") -> Wire:
            opened = Wire(gateway, role)
            stack.callback(opened.close)
            return opened

        yield open_wire


@pytest.fixture
def passages(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The targets of requests that went the long way."""
    seen: list[bytes] = []
    run = Passage.run

    async def noted(passage: Passage) -> None:
        seen.append(passage._scope["raw_path"])
        await run(passage)

    monkeypatch.setattr(Passage, "run", noted)
    return seen


@pytest.fixture
def gateway_to(start_gateway: Any, echo: Any) -> Callable[..., Any]:
    """`gateway_to(port, …)`: its data-service runs on these ports, all others are the echo."""

    def start(*ports: int, **given: Any) -> Any:
        upstreams: dict[str, Any] = dict.fromkeys(
            ("forecast", "notification", "monitoring", "storage"), f"http://127.0.0.1:{echo.port}"
        )
        upstreams["data"] = tuple(f"http://127.0.0.1:{port}" for port in ports)
        return start_gateway(upstreams=upstreams, **given)

    return start


@pytest.fixture(scope="module")
def start_caching(gateway: Any, start_gateway: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`start_caching({"cache_seconds": 60})`: the options of GET /products; the rest as everywhere."""

    def start(options: dict[str, Any], **settings: Any) -> Any:
        document = yaml.safe_load(gateway.settings.routes_file.read_text())
        routes = document["services"]["data"]["routes"]
        routes[PRODUCTS]["GET"] = {"allow": "everyone", "tags": ["products"], **options}
        routes[PRODUCTS]["HEAD"] = "everyone"
        path = tmp_path_factory.mktemp("caching") / "routes.yaml"
        path.write_text(yaml.safe_dump(document, explicit_end=True))
        started = start_gateway(routes_file=path, **settings)
        started.tokens.update(gateway.tokens)
        return started

    return start
