"""Raw connections: what is sent goes out byte for byte, what comes back is taken apart without being believed."""

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2}) [^\r\n]*\r\n")
_BODILESS = frozenset({204, 304})
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Address:
    """Where the door is. Certificates are not checked: the attack sends no secret that matters to a stranger."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> Self:
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), tls)

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return ", ".join(value for given, value in self.headers if given == name)


@dataclass(frozen=True)
class Exchange:
    """`rest` is what came behind the last whole answer; `interim` are the 1xx answers."""

    answers: tuple[Answer, ...]
    interim: tuple[int, ...]
    rest: bytes
    closed: bool
    seconds: float

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


class Wire(asyncio.Protocol):
    """One connection; everything received stays in `data`."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.closed = False
        self.transport: asyncio.Transport | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def open(cls, address: Address) -> Self:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, wire = await loop.create_connection(cls, address.host, address.port, ssl=address.context())
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._news.set()

    def eof_received(self) -> bool:
        self.closed = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.transport = None
        self._news.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def send(self, data: bytes) -> None:
        """Returns when the other side took most of it, or is gone."""
        for start in range(0, len(data), 1 << 18):
            if self.closed or self.transport is None:
                return
            self.transport.write(data[start : start + (1 << 18)])
            await self._writable.wait()

    async def news(self, seconds: float) -> bool:
        """Whether anything happened within this time."""
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), max(seconds, 0))
        except TimeoutError:
            return False
        return True

    async def read(self, answers: int, *, seconds: float, quiet: float, head: bool = False) -> Exchange:
        """Until the connection closes, `answers` are there and nothing more comes for `quiet`, or time is over."""
        began = time.monotonic()
        while True:
            found, interim, rest = parsed(bytes(self.data), closed=self.closed, head=head)
            elapsed = time.monotonic() - began
            if self.closed or elapsed > seconds:
                break
            enough = len(found) >= answers and not rest
            if not await self.news(quiet if enough else seconds - elapsed) and enough:
                break
        return Exchange(tuple(found), tuple(interim), rest, self.closed, time.monotonic() - began)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


async def converse(
    address: Address, pieces: Sequence[bytes], *, answers: int = 1, seconds: float = 10.0, quiet: float = 0.05,
    pause: float = 0.0, head: bool = False,
) -> Exchange:  # fmt: skip
    """Sends the pieces, `pause` between them, and reads what comes back."""
    wire = await Wire.open(address)
    try:
        for number, piece in enumerate(pieces):
            if number and pause:
                await asyncio.sleep(pause)
            await wire.send(piece)
        return await wire.read(answers, seconds=seconds, quiet=quiet, head=head)
    finally:
        wire.close()


def parsed(data: bytes, *, closed: bool, head: bool = False) -> tuple[list[Answer], list[int], bytes]:
    """Whole answers, interim statuses, and the bytes behind them. `head`: the answers are to HEAD requests."""
    answers: list[Answer] = []
    interim: list[int] = []
    while data:
        line = _STATUS_LINE.match(data)
        end = data.find(b"\r\n\r\n")
        if line is None or end < 0:
            break
        status = int(line[1])
        headers = _headers(data[line.end() : end + 2])
        if status < 200:
            interim.append(status)
            data = data[end + 4 :]
            continue
        body, used = _body(data[end + 4 :], status, dict(headers), closed=closed, head=head)
        if body is None:
            break
        answers.append(Answer(status, headers, body))
        data = data[end + 4 + used :]
    return answers, interim, data


def _headers(lines: bytes) -> tuple[tuple[str, str], ...]:
    pairs = (line.decode("latin-1").partition(":") for line in lines.split(b"\r\n") if line)
    return tuple((name.lower(), value.strip()) for name, _, value in pairs)


def _body(data: bytes, status: int, headers: dict[str, str], *, closed: bool, head: bool) -> tuple[bytes | None, int]:
    if head or status in _BODILESS:
        return b"", 0
    if "chunked" in headers.get("transfer-encoding", ""):
        return _chunked(data)
    length = headers.get("content-length", "")
    if length.isdigit():
        size = int(length)
        return (data[:size], size) if len(data) >= size else (None, 0)
    return (data, len(data)) if closed else (None, 0)


def _chunked(data: bytes) -> tuple[bytes | None, int]:
    body, position = b"", 0
    while True:
        end = data.find(b"\r\n", position)
        if end < 0:
            return None, 0
        size = int(data[position:end].split(b";")[0], 16)
        body += data[end + 2 : end + 2 + size]
        position = end + 2 + size + 2
        if len(data) < position:
            return None, 0
        if size == 0:
            return body, position
