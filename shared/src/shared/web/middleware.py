"""One pure ASGI layer around every request: ids, metrics, access log, and the last net for unexpected failures."""

import re
import time
from typing import Any
from uuid import uuid4

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability import context, metrics
from shared.observability.logging import get_logger
from shared.observability.tracing import traced
from shared.web.problems import store_away_problem, unexpected_problem

_log = get_logger("access")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_QUIET = ("/health/live", "/health/ready", "/metrics")


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


def _is_store_away(error: Exception) -> bool:
    """Refused and timed out connections, and connections SQLAlchemy declared dead while they were used."""
    return isinstance(error, OSError) or bool(getattr(error, "connection_invalidated", False))


def route_pattern(scope: Scope) -> str:
    """The path template of the matched route, so that metrics stay bounded."""
    route = scope.get("route")
    return getattr(route, "path", None) or "unmatched"


class RequestContextMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _header(scope, b"x-request-id")
        request_id = given if given and _REQUEST_ID.match(given) else uuid4().hex
        context.request_id.set(request_id)
        exchange = _Exchange(scope, send, request_id)
        with traced(f"{scope['method']} {scope['path']}", SpanKind.SERVER, _header(scope, b"traceparent")):
            await self._serve(scope, receive, exchange)

    async def _serve(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        metrics.HTTP_REQUESTS_IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, exchange.send)
        except Exception as error:  # noqa: BLE001 -- the last net: logged with its trace, answered without it
            away = _is_store_away(error)
            _log.exception("store_away" if away else "unexpected_failure", method=scope["method"], path=scope["path"])
            if not exchange.started:
                answer = store_away_problem(scope["path"]) if away else unexpected_problem(scope["path"])
                await answer(scope, receive, exchange.send)
        finally:
            metrics.HTTP_REQUESTS_IN_PROGRESS.dec()
            exchange.finish()


class _Exchange:
    """Watches one response on its way out."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self._began = time.perf_counter()
        self._status = 499  # the caller left before we answered
        self._bytes = 0
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._status = message["status"]
            headers: list[Any] = list(message.get("headers", []))
            message = {**message, "headers": [*headers, (b"x-request-id", self._request_id.encode())]}
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def finish(self) -> None:
        seconds = time.perf_counter() - self._began
        method, path = self._scope["method"], self._scope["path"]
        metrics.HTTP_REQUEST_DURATION.labels(method, route_pattern(self._scope), str(self._status)).observe(seconds)
        metrics.HTTP_RESPONSE_BYTES.inc(self._bytes)
        if path not in _QUIET:
            _log.info(
                "request", method=method, path=path, status=self._status, bytes=self._bytes, seconds=round(seconds, 4)
            )
