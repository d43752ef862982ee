"""One kept connection to a service: a request out, a response in, piece by piece and with back-pressure both ways."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from gateway.proxy.errors import UpstreamBrokenError

_HIGH_WATER_BYTES = 256 * 1024
_MAX_HEADERS = 200
_MAX_HEADER_BYTES = 64 * 1024


class UpstreamConnection(asyncio.Protocol):
    """Serves one exchange at a time. The names `on_…` are what the parser calls.

    `sent_at` is None while the request's body is still on its way; times are the event loop's.
    """

    def __init__(self, upstream: str, on_lost: "Callable[[UpstreamConnection], None]") -> None:
        self.upstream = upstream
        self.closed = False
        self.exchanges = 0
        self.idle_since = 0.0
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._writable: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self.busy = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_complete = False
        self.complete = False
        self.error: Exception | None = None
        self.began = 0.0
        self.sent_at: float | None = None
        self.last_activity = 0.0
        self.total_seconds = 0.0
        self.waits_for_client = False
        self.on_slow: Callable[[], None] | None = None
        self.owner: asyncio.Task[object] | None = None
        self._keep = True
        self._answered = False
        self._bodiless = False
        self._framed = False
        self._interim = False
        self._header_bytes = 0
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._reading_paused = False
        self._waiter: asyncio.Future[None] | None = None

    # What the exchange does.

    def start(self, head: bytes, *, bodiless_answer: bool, total_seconds: float) -> None:
        """`head` may hold the whole request. `bodiless_answer`: the answer to HEAD has no body, whatever it says."""
        self._reset()
        self.busy = True
        self.exchanges += 1
        self._bodiless = bodiless_answer
        self.began = self.last_activity = self._loop.time()
        self.total_seconds = total_seconds
        self.owner = asyncio.current_task()
        if self._transport is None or self.closed:
            self.error = self._broken()
        else:
            self._transport.write(head)

    def sent(self) -> None:
        """The request is complete; the service's time to answer begins."""
        self.sent_at = self.last_activity = self._loop.time()

    async def write(self, data: bytes) -> None:
        """Waits while the service does not read. Raises: what the exchange failed with."""
        if self.error is not None:
            raise self.error
        if self._transport is None or self.closed:
            raise self._broken()
        self._transport.write(data)
        if self._writable is not None:
            await self._writable
        self.last_activity = self._loop.time()

    async def head(self) -> int:
        """The status, when it and the headers have arrived. Raises: what the exchange failed with."""
        while not self.head_complete:
            await self._wait()
        return self.status

    async def more(self) -> bytes:
        """Something of the body, empty only at its end. Raises: what the exchange failed with."""
        while not self._chunks and not self.complete:
            await self._wait()
        return self.take()

    def take(self) -> bytes:
        """What has arrived of the body."""
        chunks = self._chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self._buffered = 0
        self.last_activity = self._loop.time()
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    @property
    def drained(self) -> bool:
        return self.complete and not self._chunks

    @property
    def was_stale(self) -> bool:
        """Failed on a kept connection before the service said anything: it had closed it meanwhile."""
        return self.error is not None and self.exchanges > 1 and not self._answered and self.closed

    @property
    def reusable(self) -> bool:
        return self.complete and self._keep and self.sent_at is not None and not self.closed and self.error is None

    def fail(self, error: Exception) -> None:
        """Ends the exchange from outside; whoever waits for it gets the error."""
        if self.error is None:
            self.error = error
        if self._waiter is None and self.owner is not None and self.busy and not self.owner.done():
            self.owner.cancel()  # it waits for the caller to read, not for us
        self.close()
        self._wake()

    def close(self) -> None:
        self._keep = False
        if self._transport is not None and not self.closed:
            self._transport.abort()

    def release(self) -> None:
        """The exchange is over; the connection may serve another."""
        self._reset()
        self.idle_since = self._loop.time()

    def _broken(self) -> UpstreamBrokenError:
        return UpstreamBrokenError(f"{self.upstream} closed the connection before its answer was complete; try again.")

    async def _wait(self) -> None:
        if self.error is not None:
            raise self.error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self.error is not None and not self.complete:
            raise self.error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from it

    def data_received(self, data: bytes) -> None:
        if not self.busy:
            self.close()  # nobody asked
            return
        self._answered = True
        self.last_activity = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._keep = False
            if not self.complete:
                self.fail(
                    UpstreamBrokenError(f"{self.upstream} sent something that is not HTTP; the log may tell more.")
                )

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self.busy and not self.complete and self.error is None:
            if self.head_complete and not self._framed and exc is None:
                self.complete = True
            else:
                self.error = self._broken()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self._wake()
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What the parser finds.

    def on_message_begin(self) -> None:
        if self.complete:
            raise httptools.HttpParserError("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_complete:
            return  # a trailer
        self._header_bytes += len(name) + len(value)
        if len(self.headers) >= _MAX_HEADERS or self._header_bytes > _MAX_HEADER_BYTES:
            raise httptools.HttpParserError("too many headers")
        name = name.lower()
        if name in {b"content-length", b"transfer-encoding"}:
            self._framed = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._interim = True
            self.headers.clear()
            return
        self.status = status
        self.head_complete = True
        if self._bodiless:
            self._keep = self._keep and self._parser.should_keep_alive()
            self.complete = True
            self._parser = httptools.HttpResponseParser(self)
        self._wake()

    def on_body(self, body: bytes) -> None:
        if self._bodiless:
            raise httptools.HttpParserError("a body where none can be")
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > _HIGH_WATER_BYTES and not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            return
        if not self.complete:
            self.complete = True
            self._keep = self._keep and self._parser.should_keep_alive()
        self._wake()
