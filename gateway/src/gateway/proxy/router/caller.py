"""One connection of a caller: carries plain requests itself, the quick way, and hands all others to a passage."""

import asyncio
import time
from typing import Any

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.connection import UpstreamConnection
from gateway.proxy.adapters.protocol import GuardedProtocol
from gateway.proxy.adapters.tunnel import TunnelEnd
from gateway.proxy.domain.gcra import Verdict
from gateway.proxy.domain.headers import RequestHeaders
from gateway.proxy.domain.naming import NAMELESS, names_of, new_names
from gateway.proxy.domain.responses import BODILESS_STATUSES, passed_lines
from gateway.proxy.errors import UpstreamBrokenError
from gateway.proxy.router.door import Door
from gateway.proxy.router.express import Express, Ticket
from gateway.proxy.router.passage import CALLER, GONE, HANDED_OVER, HandedOver
from shared.errors import ServiceError
from shared.observability.logging import get_logger

_MAX_HELD_BYTES = 64 * 1024
_STATUS_LINES = {status: b"HTTP/1.1 %d \r\n" % status for status in range(200, 600)}
_STATUS_LINES[200] = b"HTTP/1.1 200 OK\r\n"
_IDENTITY = b"\r\nx-identity-token: "
_log = get_logger(__name__)


class CallerConnection(GuardedProtocol):
    """While `_ticket` is set, a request is being carried; what arrives meanwhile is held back."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._door: Door = self.config.loaded_app
        self._peer = "unknown"
        self._ticket: Ticket | None = None
        self._data = b""
        self._held = b""
        self._began = 0.0
        self._verdict: Verdict | None = None
        self._names = NAMELESS
        self._known_data = b""
        self._known_ticket: Ticket | None = None
        self._known_headers: RequestHeaders | None = None
        self._known_lines = b""
        self._upstream: UpstreamConnection | None = None
        self._status = 0
        self._sent_bytes = 0
        self._chunked = False
        self._paused = False
        self._is_last = False
        self._handed_over: HandedOver | None = None
        self.tunnel: TunnelEnd | None = None
        self.closed: asyncio.Future[None] = self.loop.create_future()

    # What the transport tells.

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.client:
            self._peer = self.client[0]

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.send(data)
            return
        if self._ticket is not None:
            self._hold(data)
            return
        express = self._door.express
        if (
            express is not None
            and data[:4] == b"GET "
            and data[-4:] == b"\r\n\r\n"
            and not self._paused
            and not self._is_midway
            and not self._head
            and not self.pipeline
            and (self.cycle is None or self.cycle.response_complete)
            and self._carry(express, data)
        ):
            return
        super().data_received(data)

    @property
    def is_resting(self) -> bool:
        return self._ticket is None and super().is_resting

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > _MAX_HELD_BYTES:
            self.flow.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ticket is not None:
            metrics.CLIENTS_GONE.inc()
            self._give_back()
            self._finish(GONE)
        super().connection_lost(exc)
        if self.tunnel is not None:
            self.tunnel.close()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._paused = True
        if self.tunnel is not None:
            self.tunnel.pause_reading()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._paused = False
        if self.tunnel is not None:
            self.tunnel.resume_reading()
        super().resume_writing()
        if self._upstream is not None and self._status:
            self._on_progress()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._handed_over is not None:
            self.scope[HANDED_OVER] = self._handed_over  # type: ignore[literal-required]
            self._handed_over = None

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.scope[CALLER] = self  # type: ignore[literal-required]
        if self._door.is_draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """The answer in hand is the last one."""
        self._is_last = True
        if self._ticket is None:
            super().shutdown()

    # One request, carried.

    def _carry(self, express: Express, data: bytes) -> bool:
        """False: nothing was done; the request needs a passage."""
        # Whoever polls sends the very same bytes again and again.
        ticket = self._known_ticket
        if data != self._known_data or ticket is None or not express.is_still_good(ticket):
            ticket = express.ticket(data, self._peer)
            if ticket is None:
                return False
            self._known_data, self._known_ticket = data, ticket
        verdict = None
        if ticket.account is not None:
            verdict = express.limiter.take(ticket.account)
            if verdict is None:
                self._begin(ticket, data)
                express.limiter.ask(ticket.account, self._told)
                return True
            if not verdict.allowed:
                self._handed_over = HandedOver(verdict)
                return False
        self._begin(ticket, data)
        self._proceed(verdict)
        return True

    def _begin(self, ticket: Ticket, data: bytes) -> None:
        self._ticket = ticket
        self._data = data
        self._began = time.time()
        headers = ticket.headers
        self._names = new_names() if headers.is_nameless else names_of(headers.request_id, headers.traceparent)
        self._door.in_progress += 1
        self.keep_awake()

    def _told(self, verdict: Verdict) -> None:
        if self._ticket is None or self.transport.is_closing():
            return
        if verdict.allowed:
            self._proceed(verdict)
        else:
            self._hand_over(HandedOver(verdict))

    def _proceed(self, verdict: Verdict | None) -> None:
        ticket = self._ticket
        if ticket is None:
            return
        self._verdict = verdict
        stored = ticket.stored
        if stored is not None:
            lines = b"".join((_STATUS_LINES[200], stored.block, stored.hit_lines(time.time()), self._own_lines()))
            self._sent_bytes = len(stored.body)
            self.transport.write(lines + b"\r\n" + stored.body)
            self._finish(200)
            return
        upstream = ticket.target.pool.take()
        if upstream is None:
            self._hand_over(HandedOver(verdict))
            return
        self._upstream = upstream
        upstream.carry(self._request(ticket, upstream), self._on_progress, self._on_failed, ticket.target.total_seconds)

    def _request(self, ticket: Ticket, upstream: UpstreamConnection) -> bytes:
        target, headers, principal, address, _, _ = ticket
        express = self._door.express
        assert express is not None  # noqa: S101 -- it gave the ticket
        if headers is not self._known_headers:
            self._known_headers = headers
            scheme = express.scheme_of(headers, self.scheme or "http")
            origin = f"\r\nx-forwarded-for: {address}\r\nx-forwarded-proto: {scheme}\r\nx-request-id: "
            self._known_lines = headers.block + origin.encode()
        request_id, _, traceparent = self._names
        token = b""
        if principal is not None:
            token = express.authenticator.identity_token(principal, target.route.upstream)
        return b"GET %b HTTP/1.1\r\nhost: %b%b%b\r\ntraceparent: %b%b%b\r\nx-request-timeout-ms: %d\r\n\r\n" % (
            target.inner,
            upstream.authority,
            self._known_lines,
            request_id,
            traceparent,
            _IDENTITY if token else b"",
            token,
            target.timeout_ms,
        )

    def _own_lines(self) -> bytes:
        lines = b"x-request-id: %b\r\nx-content-type-options: nosniff\r\n" % self._names[0]
        for header in self.server_state.default_headers:
            lines += b"%b: %b\r\n" % header
        if self._verdict is not None:
            lines += self._verdict.block
        if self._door.is_draining:
            self._is_last = True
            return lines + b"connection: close\r\n"
        return lines

    def _on_progress(self) -> None:
        upstream, ticket = self._upstream, self._ticket
        if upstream is None or ticket is None or (self._paused and self._status):
            return
        piece = upstream.take()
        size = len(piece)
        is_complete = upstream.complete
        head = b""
        if not self._status:
            self._status = upstream.status
            ticket.target.pool.succeeded()
            head = self._answer_head(upstream, ticket, size if is_complete else None)
        if self._chunked:
            piece = b"%x\r\n%b\r\n" % (size, piece) if size else piece
            piece += b"0\r\n\r\n" if is_complete else b""
        self._sent_bytes += size
        if is_complete:
            self._upstream = None
            ticket.target.pool.give_back(upstream)
        self.transport.write(head + piece)
        if is_complete:
            self._finish(self._status)

    def _answer_head(self, upstream: UpstreamConnection, ticket: Ticket, whole: int | None) -> bytes:
        """`whole`: size of the body when all of it is here; else as the service framed it, or chunked."""
        status = self._status
        passed, has_length, has_cache_control = passed_lines(upstream.headers, status, ticket.target.route.locations)
        framing = b""
        if not has_length and status not in BODILESS_STATUSES:
            self._chunked = whole is None
            framing = b"transfer-encoding: chunked\r\n" if whole is None else b"content-length: %d\r\n" % whole
        return b"%b%b%b%b%b\r\n" % (
            _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
            passed,
            b"" if has_cache_control else b"cache-control: no-store\r\n",
            framing,
            self._own_lines(),
        )

    def _on_failed(self, error: Exception) -> None:
        upstream, ticket = self._upstream, self._ticket
        if upstream is None or ticket is None:
            return
        pool = ticket.target.pool
        is_silent = isinstance(error, UpstreamBrokenError) and not upstream.answered
        is_free = upstream.was_stale
        self._give_back()
        if self._status:
            self._judge(error)
            _log.warning("answer_cut", reason=str(error), route=ticket.target.route.path)
            self.transport.abort()
        elif is_silent and (is_free or pool.budget.spend()):
            metrics.UPSTREAM_RETRIES.labels(pool.name).inc()
            self._hand_over(HandedOver(self._verdict))
        elif isinstance(error, ServiceError):
            self._judge(error)
            self._hand_over(HandedOver(self._verdict, error))
        else:
            self.transport.abort()

    def _judge(self, error: Exception) -> None:
        if self._door.express is not None and self._ticket is not None:
            self._door.express.forwarder.judge(self._ticket.target.pool, error)

    def _give_back(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None and self._ticket is not None:
            self._ticket.target.pool.give_back(upstream)

    def _hand_over(self, what: HandedOver) -> None:
        """The long way, from the beginning; what is known already is not asked again."""
        data, held = self._data, self._held
        self._clear()
        self._handed_over = what
        super().data_received(data)
        self._go_on(held)

    def _finish(self, status: int) -> None:
        ticket, express = self._ticket, self._door.express
        if ticket is not None and express is not None:
            target, _, principal, address, _, _ = ticket
            request_id, trace_id, _ = self._names
            now = time.time()
            express.log.write(
                (
                    now,
                    request_id,
                    trace_id,
                    "GET",
                    "GET",
                    target.shown,
                    target.route.path,
                    target.route.upstream,
                    status,
                    self._sent_bytes,
                    now - self._began,
                    address,
                    principal.subject if principal is not None else "",
                    (principal.acting_service or "") if principal is not None else "",
                )
            )
        held = self._held
        self._clear()
        if self._is_last:
            self.transport.close()
        else:
            self._go_on(held)

    def _clear(self) -> None:
        self._door.in_progress -= 1
        self._ticket = None
        self._data = self._held = b""
        self._verdict = None
        self._status = self._sent_bytes = 0
        self._chunked = False

    def _go_on(self, held: bytes) -> None:
        if held and not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(held)
