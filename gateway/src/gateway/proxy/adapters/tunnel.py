"""The service's end of a WebSocket: bytes both ways, with back-pressure, and the gateway's eye on the frames' edges."""

import asyncio
from typing import cast

from gateway.proxy.domain.frames import FrameBoundaries, close_frame
from gateway.proxy.errors import UpstreamBrokenError

_MAX_HEAD_BYTES = 64 * 1024


class TunnelEnd(asyncio.Protocol):
    """`handshake` gives the service's answer; `connect` joins the caller's transport. `bytes`: sent to the caller."""

    def __init__(self, upstream: str, authority: bytes) -> None:
        self._upstream = upstream
        self.authority = authority
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._caller: asyncio.Transport | None = None
        self._early = b""
        self._frames = FrameBoundaries()
        self._head: asyncio.Future[bytes] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.last_activity = self._loop.time()
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def handshake(self, request: bytes, timeout_seconds: float) -> bytes:
        """The head of the answer. Raises: UpstreamBrokenError, TimeoutError."""
        self.send(request)
        async with asyncio.timeout(timeout_seconds):
            return await self._head

    def connect(self, caller: asyncio.Transport) -> None:
        """From here on what the service says goes to the caller."""
        self._caller = caller
        early, self._early = self._early, b""
        if early:
            self._pass_on(early)

    def data_received(self, data: bytes) -> None:
        if self._caller is not None:
            self._pass_on(data)
            return
        self._early += data
        head, found, rest = self._early.partition(b"\r\n\r\n")
        if found and not self._head.done():
            self._early = rest
            self._head.set_result(head)
        elif len(self._early) > _MAX_HEAD_BYTES:
            self.close()

    def _pass_on(self, data: bytes) -> None:
        if self._caller is not None and not self._caller.is_closing():
            self.last_activity = self._loop.time()
            self.bytes += len(data)
            self._frames.feed(data)
            self._caller.write(data)

    def send(self, data: bytes) -> None:
        """From the caller to the service."""
        self.last_activity = self._loop.time()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        if self._caller is not None:
            self._caller.pause_reading()

    def resume_writing(self) -> None:
        if self._caller is not None and not self._caller.is_closing():
            self._caller.resume_reading()

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def say_goodbye(self, code: int) -> bool:
        """Tells the caller why the tunnel ends; False in the middle of a frame, where nothing can be said."""
        if self._caller is None or not self._frames.at_boundary:
            return False
        self._caller.write(close_frame(code))
        return True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- why it ended is all the same
        if not self._head.done():
            self._head.set_exception(UpstreamBrokenError(f"{self._upstream} closed the connection; try again."))
        if not self.closed.done():
            self.closed.set_result(None)
