"""The application the server runs: every request passes here, also those to the gateway's own routes.

A plain ASGI application: on this path a framework would cost more than all the checks together.
"""

import random
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from prometheus_client import Histogram

from gateway.access.domain import OWN
from gateway.audit.domain import Actor, Entry, Origin
from gateway.audit.service import DenialRecorder
from gateway.authentication.service.authenticator import Authenticator
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.access_log import AccessLog, AccessRecord
from gateway.proxy.domain.responses import passed_headers
from gateway.proxy.errors import ClientGoneError
from gateway.proxy.service.admission import Admission, Arrival, rate_headers
from gateway.proxy.service.calls import Answer, Call, HeaderList, Message, Receive, RequestBody, Send
from gateway.proxy.service.delivery import Delivery
from shared.errors import ServiceError
from shared.observability import context
from shared.observability.logging import get_logger
from shared.observability.metrics import HTTP_REQUEST_DURATION, HTTP_RESPONSE_BYTES
from shared.observability.trace_context import child_of
from shared.web.problems import from_service_error, unexpected_problem

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_GONE = 499
_AUDITED = frozenset({401, 403, 429})
_UNMATCHED = "unmatched"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Ids must be unique, not secret; asking the kernel for randomness three times a request is dear.
_random_bits = random.Random(secrets.randbits(256)).getrandbits  # noqa: S311 -- see above
_log = get_logger(__name__)


@dataclass(frozen=True)
class Pipeline:
    """What a request goes through, in this order."""

    admission: Admission
    authenticator: Authenticator
    delivery: Delivery
    access_log: AccessLog
    denials: DenialRecorder
    idle_seconds: float


class Door:
    """`own` serves the gateway's own routes; `pipeline` is there once the application has started."""

    def __init__(self, own: Application) -> None:
        self._own = own
        self._durations: dict[tuple[str, str, int], Histogram] = {}
        self.in_progress = 0
        self.pipeline: Pipeline | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.pipeline is not None:
            self.in_progress += 1
            try:
                await Passage(self._own, self.pipeline, self._observe, scope, receive, send).run()
            finally:
                self.in_progress -= 1
        elif scope["type"] == "lifespan":
            await self._own(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    def _observe(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        child = self._durations.get(key)
        if child is None:
            child = self._durations[key] = HTTP_REQUEST_DURATION.labels(method, route, str(status))
        child.observe(seconds)


class Passage:
    """One request on its way through the door."""

    __slots__ = (
        "_answer",
        "_began",
        "_call",
        "_observe",
        "_own",
        "_pipeline",
        "_receive",
        "_request_id",
        "_scope",
        "_served_by_own",
        "_traceparent",
    )

    def __init__(
        self,
        own: Application,
        pipeline: Pipeline,
        observe: Callable[[str, str, int, float], None],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._own = own
        self._pipeline = pipeline
        self._observe = observe
        self._scope = scope
        self._receive = receive
        self._answer = Answer(send)
        self._began = time.perf_counter()
        self._call: Call | None = None
        self._request_id = ""
        self._traceparent = ""
        self._served_by_own = False

    async def run(self) -> None:
        try:
            await self._serve()
        except ServiceError as error:
            await self._refuse(error)
        except ClientGoneError:
            metrics.CLIENTS_GONE.inc()
            self._answer.status = _GONE
        except Exception:  # noqa: BLE001 -- the last net: logged with its trace, answered without it
            _log.exception("unexpected_failure", method=self._scope["method"], path=self._path())
            await self._send_problem(unexpected_problem(self._path()))
        finally:
            self._finish()

    async def _serve(self) -> None:
        try:
            call = self._call = self._pipeline.admission.inspect(self._arrival())
        except ServiceError:
            given = dict(self._scope["headers"])
            self._name(given.get(b"x-request-id"), given.get(b"traceparent"))
            raise
        self._name(call.headers.request_id, call.headers.traceparent)
        body = RequestBody(self._receive, call.body_length, call.body_limit, self._pipeline.idle_seconds)
        await self._pipeline.admission.admit(call)
        if call.verdict is not None:
            self._answer.own_headers += rate_headers(call.verdict)
        call.extra = self._own_headers(call)
        if call.route.upstream == OWN:
            await self._serve_own(call, body)
        else:
            await self._pipeline.delivery.deliver(call, body, self._answer)

    def _name(self, given_id: bytes | None, given_trace: bytes | None) -> None:
        """The request's id, ours when none or a malformed one was given, and the trace it belongs to."""
        request_id = given_id.decode("latin-1") if given_id is not None else ""
        if not request_id or not _REQUEST_ID.fullmatch(request_id):
            request_id = f"{_random_bits(128):032x}"
        if given_trace is None:
            self._traceparent = f"00-{_random_bits(128) | 1:032x}-{_random_bits(64) | 1:016x}-01"
        else:
            self._traceparent = child_of(given_trace.decode("latin-1"))
        self._request_id = request_id
        self._answer.own_headers = [(b"x-request-id", request_id.encode()), _NOSNIFF]
        context.request_id.set(request_id)
        context.traceparent.set(self._traceparent)

    def _arrival(self) -> Arrival:
        scope = self._scope
        client = scope.get("client")
        return Arrival(
            method=scope["method"],
            http_version=scope["http_version"],
            raw_path=scope.get("raw_path") or b"",
            query=scope["query_string"],
            headers=scope["headers"],
            peer=client[0] if client else "unknown",
            scheme=scope["scheme"],
        )

    def _own_headers(self, call: Call) -> HeaderList:
        """What only the gateway may say to a service."""
        extra = [
            (b"x-request-id", self._request_id.encode()),
            (b"traceparent", self._traceparent.encode()),
            (b"x-forwarded-for", call.address.encode()),
            (b"x-forwarded-proto", call.scheme.encode()),
        ]
        if call.principal is not None:
            token = self._pipeline.authenticator.identity_token(call.principal, call.route.upstream)
            extra.append((b"x-identity-token", token))
        return extra

    async def _serve_own(self, call: Call, body: RequestBody) -> None:
        """In this process, but as a service would be: same headers, same identity token."""
        data = await body.read_all()
        path = call.route.inner_path(call.path)
        headers = [*call.headers.passed, *call.extra, (b"host", call.headers.host or b"")]
        if data or call.method not in {"GET", "HEAD"}:
            headers.append((b"content-length", b"%d" % len(data)))
        scope = {**self._scope, "path": unquote(path.decode("ascii")), "raw_path": path, "headers": headers}
        given = False

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": data, "more_body": False}
            return await self._receive()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = call.route
                location = (route.becomes.encode(), route.prefix.encode())
                own = passed_headers(message.get("headers", []), message["status"], location)
                if not any(name == b"cache-control" for name, _ in own):
                    own.append((b"cache-control", b"no-store"))
                await self._answer.start(message["status"], own)
            else:
                await self._answer.body(message.get("body", b""), more=message.get("more_body", False))

        self._served_by_own = True
        await self._own(scope, receive, send)

    async def _refuse(self, error: ServiceError) -> None:
        if self._answer.begun:
            _log.warning("answer_cut", reason=error.detail, path=self._path())
            return
        metrics.DENIED.labels(error.code).inc()
        if error.status in _AUDITED:
            self._pipeline.denials.put(self._denial(error))
        await self._send_problem(from_service_error(error, self._path()))

    def _denial(self, error: ServiceError) -> Entry:
        call = self._call
        principal = call.principal if call is not None else None
        actor = None
        if principal is not None:
            actor = Actor(principal.kind, principal.subject, principal.name, principal.acting_service)
        origin = Origin(call.address if call is not None else "", self._request_id)
        details = {"status": error.status, "code": error.code}
        return Entry("request.denied", False, origin, actor, f"{self._scope['method']} {self._path()}", details)

    async def _send_problem(self, response: Any) -> None:
        if self._answer.begun:
            return
        headers = [*response.raw_headers, (b"cache-control", b"no-store")]
        await self._answer.whole(response.status_code, headers, response.body)

    def _path(self) -> str:
        """As it came, short enough for a log line."""
        raw: bytes = self._scope.get("raw_path") or b""
        return raw[:512].decode("latin-1")

    def _finish(self) -> None:
        if self._served_by_own:
            return  # logged and counted there
        answer, call = self._answer, self._call
        seconds = time.perf_counter() - self._began
        route = call.route.path if call is not None else _UNMATCHED
        method = self._scope["method"] if call is not None else "OTHER"
        status = answer.status or _GONE
        self._observe(method, route, status, seconds)
        HTTP_RESPONSE_BYTES.inc(answer.bytes)
        principal = call.principal if call is not None else None
        self._pipeline.access_log.write(
            AccessRecord(
                self._request_id,
                self._traceparent[3:35],
                self._scope["method"],
                self._path(),
                route,
                call.route.upstream if call is not None else "",
                status,
                answer.bytes,
                seconds,
                call.address if call is not None else "",
                principal.subject if principal is not None else "",
                (principal.acting_service or "") if principal is not None else "",
            )
        )
