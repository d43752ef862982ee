"""The server's HTTP/1.1 reader with the limits it lacks: size and time of a request's head, form of its target.

Refusing here keeps a hostile head from being held in memory; the checks of the admission stay in force behind it.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.proxy.adapters import metrics
from gateway.proxy.domain.headers import MAX_HEADER_BYTES, MAX_HEADERS
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
_PHRASES: Mapping[int, bytes] = {
    400: b"Bad Request",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
}


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a caller; `SERVER_OPTIONS` below puts it to use."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_complete = True
        self._head_bytes = 0
        self._header_count = 0
        self._head_began = 0.0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal: ServiceError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        pending = not self._head_complete
        super().data_received(data)
        if pending and not self._head_complete and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self._answer_refusal(HeadersTooLargeError("The head of the request is too large."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._refuse(UriTooLongError(f"Path and query are longer than {MAX_TARGET_BYTES} bytes."))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_complete:
            return  # a trailer: nothing in it is ever believed
        self._header_count += 1
        self._head_bytes += len(name) + len(value) + 4
        if self._header_count > MAX_HEADERS or self._head_bytes > _MAX_HEAD_BYTES:
            self._refuse(
                HeadersTooLargeError(f"At most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes together are taken.")
            )
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_complete = True
        if self.parser.get_method() == b"CONNECT":
            self._refuse(MethodNotAllowedError("This method is not served here."))
        if not self.url.startswith(b"/"):
            self._refuse(BadRequestError("The request target must be a path that begins with `/`."))
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- the server's words; ours say more
        self._answer_refusal(self._refusal or BadRequestError("This is not a well-formed HTTP/1.1 request."))

    def _refuse(self, error: ServiceError) -> None:
        """Ends the parsing; the server then asks for the answer."""
        self._refusal = error
        raise httptools.HttpParserError(error.code)

    def _answer_refusal(self, error: ServiceError) -> None:
        metrics.DENIED.labels(error.code).inc()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            document = problem_document(
                status=error.status, code=error.code, title=error.title, detail=error.detail, instance=""
            )
            document["request_id"] = uuid4().hex
            body = json.dumps(document).encode()
            head = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(head % (error.status, _PHRASES[error.status], MEDIA_TYPE.encode(), len(body)) + body)
        self.transport.close()

    def _begin_head(self) -> None:
        self._head_complete = False
        self._head_bytes = 0
        self._header_count = 0
        self._head_began = self.loop.time()
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._check_head)

    def _check_head(self) -> None:
        self._head_timer = None
        if self._head_complete or self.transport.is_closing():
            return
        left = self._head_began + self.head_seconds - self.loop.time()
        if left > 0:
            self._head_timer = self.loop.call_later(left, self._check_head)
        else:
            self._answer_refusal(RequestTimeoutError("The head of the request did not come in time."))


# The server must not interpret X-Forwarded-For: it would believe any caller on the same machine.
SERVER_OPTIONS: dict[str, Any] = {
    "loop": "uvloop",
    "http": GuardedProtocol,
    "ws": "none",
    "access_log": False,
    "log_config": None,
    "server_header": False,
    "proxy_headers": False,
    "timeout_keep_alive": 75,
}
