"""The services behind an attacked gateway: they take nothing for granted, answer 200, and remember all they saw."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt

OWNERS = ("data", "forecast", "notification", "monitoring", "storage")
_OWN = (
    "x-identity-token",
    "x-request-id",
    "traceparent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-timeout-ms",
    "host",
)
# What a caller may say to a service; the gateway drops everything else.
_PLAIN = frozenset(
    {
        "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection", "content-digest",
        "content-disposition", "content-encoding", "content-language", "content-length", "content-md5", "content-type", "idempotency-key",
        "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "last-event-id", "origin", "pragma",
        "prefer", "range", "referer", "sec-websocket-extensions", "sec-websocket-key", "sec-websocket-protocol", "sec-websocket-version",
        "transfer-encoding", "user-agent",
    }
)  # fmt: skip
_TRACE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CANONICAL = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-F]{2})+)+")
_CLAIM = "198.51.100.66"


@dataclass(frozen=True)
class Seen:
    """One request as it came out of the gateway. `forgeries`: why it must not be believed."""

    owner: str
    probe: str
    line: str
    complete: bool
    forgeries: tuple[str, ...]


@dataclass
class Recorder:
    """One port for each service. `keys` by id, `subject` whose requests may come: set before the attack."""

    ports: dict[str, int] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    subject: str = ""
    roles: frozenset[str] = frozenset()
    seen: list[Seen] = field(default_factory=list)
    total: int = 0

    async def settled(self) -> None:
        """Returns when nothing came for a moment: what was cut off has been noticed by then."""
        before = -1
        while before != self.total:
            before = self.total
            await asyncio.sleep(0.2)

    async def serve(self, owner: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._exchange(owner, head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(
        self, owner: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        line, headers, faults = _read_head(head)
        try:
            await _read_body(headers, reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._remember(owner, line, headers, faults, complete=False)
            raise
        self._remember(owner, line, headers, faults, complete=True)
        body = b"" if line.startswith("HEAD ") else json.dumps({"line": line, "owner": owner}).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        await writer.drain()

    def _remember(
        self, owner: str, line: str, headers: list[tuple[str, str]], faults: list[str], *, complete: bool
    ) -> None:
        self.total += 1
        faults += self._forgeries(owner, line, headers)
        probe = next((value for name, value in headers if name == "user-agent"), "")
        self.seen.append(Seen(owner, probe, " ".join(line.split(" ")[:2]), complete, tuple(faults)))

    def _forgeries(self, owner: str, line: str, headers: list[tuple[str, str]]) -> list[str]:
        names = [name for name, _ in headers]
        values = dict(headers)
        faults = [f"{name} came {names.count(name)} times" for name in _OWN if names.count(name) != 1]
        faults += [f"{name} got through" for name in names if name not in _PLAIN and name not in _OWN]
        faults += [f"{name} carries a claim" for name, value in headers if _claims(name, value)]
        if values.get("host") != f"127.0.0.1:{self.ports[owner]}":
            faults.append(f"Host is {values.get('host')!r}")
        if not _TRACE.fullmatch(values.get("traceparent", "")):
            faults.append(f"traceparent is {values.get('traceparent', '')[:80]!r}")
        if not values.get("x-request-timeout-ms", "").isdigit():
            faults.append(f"the time left is {values.get('x-request-timeout-ms')!r}")
        if not _ID.fullmatch(values.get("x-request-id", "")):
            faults.append(f"request id is {values.get('x-request-id', '')[:80]!r}")
        if not _CANONICAL.fullmatch(line.split(" ")[1].partition("?")[0]):
            faults.append("the path is not canonical")
        return faults + self._token_faults(owner, values.get("x-identity-token", ""))

    def _token_faults(self, owner: str, token: str) -> list[str]:
        try:
            key = self.keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=owner, issuer="gateway")
        except (jwt.PyJWTError, KeyError) as error:
            return [f"the identity token is not genuine: {error!r}"]
        if claims["sub"] != self.subject or set(claims["roles"]) != self.roles:
            return [f"the identity is {claims['sub']} with {claims['roles']}"]
        return []


def _claims(name: str, value: str) -> bool:
    """A caller may name its request as it likes."""
    return name not in {"x-request-id", "user-agent"} and (_CLAIM in value or "forged" in value)


def _read_head(head: bytes) -> tuple[str, list[tuple[str, str]], list[str]]:
    first, *rows = head[:-4].split(b"\r\n")
    faults = []
    if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b"") or b"\0" in head:
        faults.append("the head holds a bare CR, LF or NUL")
    headers = []
    for row in rows:
        name, colon, value = row.decode("latin-1").partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            faults.append(f"header line {row[:60]!r}")
        headers.append((name.lower(), value.strip()))
    line = first.decode("latin-1")
    if not re.fullmatch(r"[A-Z]+ /[^ ]* HTTP/1\.1", line):
        faults.append(f"request line {line[:80]!r}")
        line = f"BROKEN {line.replace(' ', '_')} x"
    names = [name for name, _ in headers]
    if names.count("content-length") + names.count("transfer-encoding") > 1:
        faults.append("framed twice")
    return line, headers, faults


async def _read_body(headers: list[tuple[str, str]], reader: asyncio.StreamReader) -> None:
    values = dict(headers)
    if "transfer-encoding" in values:
        while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    else:
        left = int(values.get("content-length", "0"))
        while left:
            piece = await reader.read(min(left, 1 << 16))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)


@contextmanager
def recording() -> Iterator[Recorder]:
    """Served by a thread of its own."""
    recorder = Recorder()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> list[asyncio.Server]:
        servers = []
        for owner in OWNERS:
            server = await asyncio.start_server(
                lambda reader, writer, owner=owner: recorder.serve(owner, reader, writer), "127.0.0.1", 0
            )
            recorder.ports[owner] = server.sockets[0].getsockname()[1]
            servers.append(server)
        return servers

    async def stop(servers: list[asyncio.Server]) -> None:
        for server in servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    servers = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield recorder
    finally:
        asyncio.run_coroutine_threadsafe(stop(servers), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
