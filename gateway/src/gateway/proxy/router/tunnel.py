"""A WebSocket through the door: admitted like any request, then bytes both ways until either side, or we, end it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.proxy.adapters.pool import UpstreamPool
from gateway.proxy.adapters.tunnel import TunnelEnd
from gateway.proxy.domain.responses import passed_headers
from gateway.proxy.errors import UpgradeRefusedError, UpstreamSlowError
from gateway.proxy.service.calls import Call, HeaderList

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})[^\r\n]*")
_SWITCHING = 101
_WATCH_SECONDS = 2.0  # with the age a remembered session may have, a revocation ends the tunnel within 6 s
_GOODBYE_SECONDS = 1.0
_FAREWELL_SECONDS = 10.0
_GOING_AWAY, _POLICY = 1001, 1008


class Caller(Protocol):
    """The caller's connection, as much of it as a tunnel needs."""

    transport: asyncio.Transport
    tunnel: TunnelEnd | None
    closed: "asyncio.Future[None]"


def wants_websocket(call: Call) -> bool:
    return call.permission.websocket and (call.headers.upgrade or b"").lower() == b"websocket"


class Tunnel:
    """`is_allowed`: asked every few seconds; `is_draining`: whether the gateway is about to stop."""

    def __init__(
        self,
        pool: UpstreamPool,
        caller: Caller,
        idle_seconds: float,
        is_allowed: Callable[[], Awaitable[bool]],
        is_draining: Callable[[], bool],
    ) -> None:
        self._pool = pool
        self._caller = caller
        self._idle_seconds = idle_seconds
        self._is_allowed = is_allowed
        self._is_draining = is_draining

    async def run(self, call: Call, own_headers: HeaderList) -> int:
        """Until it ends; bytes the caller got. Raises: ServiceError before it began."""
        end = await self._pool.open_tunnel()
        try:
            head = await end.handshake(_request(call, end.authority), self._pool.timeouts.first_byte)
            self._caller.transport.write(_answer(head, own_headers))
            self._caller.tunnel = end
            end.connect(self._caller.transport)
            await self._watch(end)
        except TimeoutError as error:
            raise UpstreamSlowError(f"{self._pool.name} did not answer the request for a WebSocket.") from error
        finally:
            end.close()
        self._caller.transport.close()
        await asyncio.wait((self._caller.closed,), timeout=_FAREWELL_SECONDS)
        self._caller.transport.abort()  # a caller who does not read would keep it open for ever
        await self._caller.closed
        return end.bytes

    async def _watch(self, end: TunnelEnd) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.wait((end.closed, self._caller.closed), timeout=_WATCH_SECONDS, return_when="FIRST_COMPLETED")
            if end.closed.done() or self._caller.closed.done():
                return
            if self._is_draining() or loop.time() - end.last_activity > self._idle_seconds:
                code = _GOING_AWAY
            elif not await self._is_allowed():
                code = _POLICY
            else:
                continue
            if end.say_goodbye(code):
                await asyncio.wait((self._caller.closed,), timeout=_GOODBYE_SECONDS)
            return


def _request(call: Call, authority: bytes) -> bytes:
    target = call.route.inner_path(call.path) + (b"?" + call.query if call.query else b"")
    lines = [b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: upgrade\r\nupgrade: websocket" % (target, authority)]
    lines += [b"%b: %b" % header for header in (*call.headers.passed, *call.extra)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _answer(head: bytes, own_headers: HeaderList) -> bytes:
    """Raises: UpgradeRefusedError."""
    status_line, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(status_line)
    if status is None or int(status[1]) != _SWITCHING:
        raise UpgradeRefusedError(
            f"The service behind this route did not open a WebSocket: {status_line[:80].decode('latin-1')}."
        )
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    kept = [*passed_headers(headers, _SWITCHING, (b"", b"")), *own_headers]
    answer = [b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket"]
    return b"\r\n".join([*answer, *(b"%b: %b" % header for header in kept)]) + b"\r\n\r\n"
