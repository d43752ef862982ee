"""The server's HTTP/1.1 reader with what it lacks: a strict look at each request's head, as one piece and as it came.

The server's parser is lenient where two readers could disagree (spaces in the request line, other protocols' versions,
a fragment), and has no limits. So a head is held back until it is whole, judged, and only then parsed; a refusal here
costs no more memory than the limit. The checks of the admission stay in force behind it.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.proxy.adapters import metrics
from gateway.proxy.domain.headers import MAX_HEADER_BYTES, MAX_HEADERS
from gateway.proxy.domain.naming import new_names
from gateway.proxy.domain.target import MAX_TARGET_BYTES
from gateway.proxy.errors import (
    BadRequestError,
    HeadersTooLargeError,
    MethodNotAllowedError,
    RequestTimeoutError,
    UriTooLongError,
)
from shared.errors import ServiceError
from shared.web.problems import MEDIA_TYPE, problem_document

HEAD_SECONDS = 10.0
_MAX_HEAD_BYTES = MAX_HEADER_BYTES + MAX_TARGET_BYTES + 4096
_REQUEST_LINE = re.compile(rb"[A-Z]{1,20} ([^ \t\r\n]+) HTTP/1\.[01]")
_BEGINNING = re.compile(rb"[A-Z]{1,20}(?: [^\r\n]*)?\r?")
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_PHRASES: Mapping[int, bytes] = {
    400: b"Bad Request",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
}


def head_violation(head: bytes, *, is_whole: bool, checked: int = 0) -> ServiceError | None:
    """What is wrong with a head, or with as much of it as has come; its first `checked` bytes were found good."""
    if _BARE_LINE_FEED.search(head, checked):
        return _malformed()
    error = None
    if head.find(b"\r\n", 0, checked) < 0:
        line, found, _ = head.partition(b"\r\n")
        error = _line_violation(line) if found else _beginning_violation(line)
    if error is None and (len(head) > _MAX_HEAD_BYTES or (is_whole and head.count(b"\r\n") - 2 > MAX_HEADERS)):
        error = HeadersTooLargeError(f"At most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes together are taken.")
    return error


def _malformed() -> ServiceError:
    return BadRequestError("This is not a well-formed HTTP/1.1 request.")


def _beginning_violation(line: bytes) -> ServiceError | None:
    if not _BEGINNING.fullmatch(line):
        return _malformed()
    if len(line) > MAX_TARGET_BYTES + 32:
        return UriTooLongError(f"Path and query are longer than {MAX_TARGET_BYTES} bytes.")
    return None


def _line_violation(line: bytes) -> ServiceError | None:
    if (error := _beginning_violation(line)) is not None:
        return error
    parts = _REQUEST_LINE.fullmatch(line)
    if parts is None:
        return BadRequestError("The request line must be a method, a path and HTTP/1.1, one space between them.")
    if line.startswith(b"CONNECT "):
        return MethodNotAllowedError("This method is not served here.")
    if not parts[1].startswith(b"/") or b"#" in parts[1]:
        return BadRequestError("The request target must be a path that begins with `/` and holds no `#`.")
    return None


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a caller. `_body_left`: bytes of the body still to come, None when only the parser can tell."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head = b""
        self._body_left: int | None = 0
        self._feeds_body = False
        self._is_midway = False
        self._has_cycle = False
        self._is_deaf = False
        self._cycles: list[RequestResponseCycle] = []
        self._awaits_head = False
        self._head_began = 0.0
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._quiet_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._idle_timer = None
        for cycle in self._cycles:  # the server itself tells only the newest
            cycle.disconnected = cycle.disconnected or not cycle.response_complete
            cycle.message_event.set()
        super().connection_lost(exc)

    @property
    def is_resting(self) -> bool:
        """Nothing of a request was read that is not answered."""
        return not self._is_midway and not self._head and not self.is_answering

    @property
    def is_answering(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    # What arrives: heads and bodies in turn.

    def data_received(self, data: bytes) -> None:
        while data and not self._is_deaf and not self.transport.is_closing():
            data = self._take_body(data) if self._is_midway else self._take_head(data)

    def _take_head(self, data: bytes) -> bytes:
        """What is left behind the head."""
        if not self._head:
            data = data.removeprefix(b"\r\n")  # one empty line is ignored: RFC 9112, section 2.2
            if not data:
                return b""
            self._await_head()
        checked = len(self._head)
        self._head += data
        end = self._head.find(b"\r\n\r\n", max(0, checked - 3)) + 4
        head, rest = (self._head[:end], self._head[end:]) if end > 3 else (self._head, b"")
        error = head_violation(head, is_whole=end > 3, checked=checked)
        if error is not None:
            self._refuse(error)
        elif end > 3:
            self._head = b""
            self._body_left = 0
            self._awaits_head = False
            self._quiet_since = self.loop.time()
            super().data_received(head)
        return rest

    def _take_body(self, data: bytes) -> bytes:
        piece, rest = data, b""
        if self._body_left:
            piece, rest = data[: self._body_left], data[self._body_left :]
            self._body_left -= len(piece)
        self._feeds_body = True
        super().data_received(piece)
        self._feeds_body = False
        return rest

    # What the parser finds.

    def on_message_begin(self) -> None:
        if self._feeds_body:
            # A request in the same piece as the end of a chunked body: its head would go unseen. It can be sent again.
            self._stop_listening()
            return
        self._is_midway = True
        self._has_cycle = False
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_deaf:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._feeds_body:
            super().on_header(name, value)  # else a trailer: nothing in it is ever believed

    def on_headers_complete(self) -> None:
        if self._is_deaf:
            return
        given = dict(self.headers)
        if b"transfer-encoding" in given:
            self._body_left = None
        else:
            length = given.get(b"content-length", b"0")
            self._body_left = int(length) if length.isdigit() else None
        super().on_headers_complete()
        self._has_cycle = True
        self._cycles = [cycle for cycle in self._cycles if not cycle.response_complete]
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        if not self._is_deaf:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_deaf:
            self._is_midway = False
            super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade nobody serves is left out, as HTTP allows; that is not worth a line in the log."""

    # Refusals, without anything behind this protocol.

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- the server's words; ours say more
        self._refuse(BadRequestError("This is not a well-formed HTTP/1.1 request."))

    def _refuse(self, error: ServiceError) -> None:
        metrics.DENIED.labels(error.code).inc()
        self._is_deaf = True
        if self._is_midway and self._has_cycle:
            if self.pipeline or self.cycle.response_started:
                self.transport.close()  # the body of a request is broken that is being answered, or waits for its turn
                return
        elif self.is_answering:
            self._stop_listening()  # an answer now would be taken for that of an earlier request
            return
        document = problem_document(
            status=error.status, code=error.code, title=error.title, detail=error.detail, instance=""
        )
        document["request_id"] = new_names()[0].decode()
        body = json.dumps(document).encode()
        head = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (error.status, _PHRASES[error.status], MEDIA_TYPE.encode(), len(body)) + body)
        self.transport.close()

    def _stop_listening(self) -> None:
        """What was asked is answered, then the connection ends."""
        self._is_deaf = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    # Time.

    def _await_head(self) -> None:
        self._awaits_head = True
        self._head_began = self.loop.time()
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._check_head)

    def _check_head(self) -> None:
        self._head_timer = None
        if not self._awaits_head or self.transport.is_closing():
            return
        left = self._head_began + self.head_seconds - self.loop.time()
        if left > 0:
            self._head_timer = self.loop.call_later(left, self._check_head)
        else:
            self._refuse(RequestTimeoutError("The head of the request did not come in time."))

    def keep_awake(self) -> None:
        """For requests the parser does not see: no head is waited for, and the time without any begins anew."""
        self._awaits_head = False
        self._quiet_since = self.loop.time()
        self._unset_keepalive_if_required()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._check_idle)

    def _check_idle(self) -> None:
        self._idle_timer = None
        left = self._quiet_since + self.timeout_keep_alive - self.loop.time()
        if left > 0 or not self.is_resting:
            self._idle_timer = self.loop.call_later(max(left, 1.0), self._check_idle)
        elif not self.transport.is_closing():
            self.transport.close()
