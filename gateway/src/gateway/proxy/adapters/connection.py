"""One kept connection to a service: a request out, a response in, piece by piece and with back-pressure both ways."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from gateway.proxy.errors import UpstreamBrokenError, UpstreamSlowError

_HIGH_WATER_BYTES = 256 * 1024
_MAX_HEADERS = 200
_MAX_STATUS = 599
_MAX_HEAD_BYTES = 64 * 1024
_UPSTREAMS_FAULTS = (UpstreamBrokenError, UpstreamSlowError)


class UpstreamConnection(asyncio.Protocol):
    """Serves one exchange at a time, for a task that awaits it (`start`) or for callbacks (`carry`).

    `sent_at` is None while the request's body is still on its way; times are the event loop's.
    """

    def __init__(self, upstream: str, authority: bytes, on_lost: "Callable[[UpstreamConnection], None]") -> None:
        self.upstream = upstream
        self.authority = authority
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
        self.on_progress: Callable[[], None] | None = None
        self.on_failed: Callable[[Exception], None] | None = None
        self.owner: asyncio.Task[object] | None = None
        self._keep = True
        self.answered = False
        self._bodiless = False
        self._interim = False
        self._head_bytes = 0
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._reading_paused = False
        self._waiter: asyncio.Future[None] | None = None

    # What the exchange does.

    def carry(
        self,
        request: bytes,
        on_progress: Callable[[], None],
        on_failed: Callable[[Exception], None],
        total_seconds: float,
    ) -> None:
        """A whole request at once. `on_progress`: more of the answer is here; `on_failed`: none will come, once."""
        self.on_progress = on_progress
        self.on_failed = on_failed
        self.busy = True
        self.exchanges += 1
        self.total_seconds = total_seconds
        self.began = self.sent_at = self.last_activity = self._loop.time()
        if self._transport is None or self.closed:
            self._tell_failure(self._broken())
        else:
            self._transport.write(request)

    def start(self, head: bytes, *, bodiless_answer: bool, total_seconds: float) -> None:
        """`head` may hold the whole request. `bodiless_answer`: the answer to HEAD has no body, whatever it says."""
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
    def awaits_caller(self) -> bool:
        """Something of the answer is here that the caller has not taken yet."""
        return bool(self._chunks)

    @property
    def was_stale(self) -> bool:
        """Failed on a kept connection before the service said anything: it had closed it meanwhile."""
        return self.error is not None and self.exchanges > 1 and not self.answered and self.closed

    @property
    def is_upstreams_fault(self) -> bool:
        error = self.error
        return error is not None and isinstance(error, _UPSTREAMS_FAULTS) and not self.was_stale

    @property
    def reusable(self) -> bool:
        return self.complete and self._keep and self.sent_at is not None and not self.closed and self.error is None

    def fail(self, error: Exception) -> None:
        """Ends the exchange from outside; whoever waits for it gets the error."""
        if self.error is None:
            self.error = error
        if self.on_failed is not None:
            self.close()
            self._tell_failure(self.error)
            return
        if self._waiter is None and self.owner is not None and self.busy and not self.owner.done():
            self.owner.cancel()  # it waits for the caller to read, not for us
        self.close()
        self._wake()

    def end_event_stream(self) -> None:
        """If the answer is one: what has arrived of it is all."""
        if not self.head_complete or self.complete:
            return
        if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in self.headers):
            self.complete = True
            self._keep = False
            self._wake()
            if self.on_progress is not None:
                self.on_progress()

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

    def _tell_failure(self, error: Exception) -> None:
        self.error = error
        tell, self.on_failed, self.on_progress = self.on_failed, None, None
        if tell is not None:
            tell(error)

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
        self.answered = True
        self.last_activity = self._loop.time()
        if not self.head_complete:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
            if self._head_bytes > _MAX_HEAD_BYTES and not self.head_complete:
                raise httptools.HttpParserError("too large a head")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._keep = False
            if not self.complete:
                self.fail(
                    UpstreamBrokenError(f"{self.upstream} sent something that is not HTTP; the log may tell more.")
                )
        if self.on_progress is not None and self.head_complete:
            self.on_progress()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self.busy and not self.complete and self.error is None:
            if self.head_complete and exc is None and not self._is_framed():
                self.complete = True
            else:
                self.error = self._broken()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self._wake()
        if self.on_progress is not None and self.complete:
            self.on_progress()
        elif self.on_failed is not None and self.error is not None:
            self._tell_failure(self.error)
        self._on_lost(self)

    def _is_framed(self) -> bool:
        """Whether the answer says itself where it ends; one that does not ends with the connection."""
        return any(name in {b"content-length", b"transfer-encoding"} for name, _ in self.headers)

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
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._interim = True
            self.headers.clear()
            return
        if status > _MAX_STATUS:
            raise httptools.HttpParserError("no such status")
        if len(self.headers) > _MAX_HEADERS:
            raise httptools.HttpParserError("too many headers")
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
