"""One request on its way through the door, whatever it is."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from gateway.access.domain import OWN
from gateway.audit.domain.entries import Actor, Entry, Origin
from gateway.audit.service import DenialRecorder
from gateway.authentication.service.authenticator import Authenticator
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.access_log import AccessLog
from gateway.proxy.domain.gcra import Verdict
from gateway.proxy.domain.naming import NAMELESS, names_of
from gateway.proxy.domain.responses import passed_headers
from gateway.proxy.errors import ClientGoneError, DrainingError
from gateway.proxy.router.tunnel import Tunnel, wants_websocket
from gateway.proxy.service.admission import Admission, Arrival
from gateway.proxy.service.calls import Answer, Call, HeaderList, Message, Receive, RequestBody, Send
from gateway.proxy.service.delivery import Delivery
from gateway.proxy.service.forwarding import Forwarder
from shared.errors import ServiceError
from shared.observability import context
from shared.observability.logging import get_logger
from shared.web.problems import from_service_error, unexpected_problem

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
NOSNIFF = (b"x-content-type-options", b"nosniff")
CLOSE = (b"connection", b"close")
GONE = 499
HANDED_OVER = "gateway.handed_over"
CALLER = "gateway.caller"
_AUDITED = frozenset({401, 403, 429})
_UNMATCHED = "unmatched"
_READINESS = "/health/ready"
_log = get_logger(__name__)


class HandedOver(NamedTuple):
    """What the quick way found out before it gave a request up."""

    verdict: Verdict | None = None
    refusal: ServiceError | None = None


@dataclass(frozen=True)
class Pipeline:
    """What a request goes through, in this order."""

    admission: Admission
    authenticator: Authenticator
    forwarder: Forwarder
    delivery: Delivery
    access_log: AccessLog
    denials: DenialRecorder
    idle_seconds: float
    is_draining: Callable[[], bool]


class Passage:
    __slots__ = (
        "_answer",
        "_began",
        "_call",
        "_is_last",
        "_names",
        "_own",
        "_pipeline",
        "_receive",
        "_scope",
        "_served_by_own",
    )

    def __init__(
        self, own: Application, pipeline: Pipeline, scope: Scope, receive: Receive, send: Send, *, is_last: bool
    ) -> None:
        self._own = own
        self._is_last = is_last
        self._pipeline = pipeline
        self._scope = scope
        self._receive = receive
        self._answer = Answer(send)
        self._began = time.perf_counter()
        self._call: Call | None = None
        self._names = NAMELESS
        self._served_by_own = False

    async def run(self) -> None:
        try:
            await self._serve()
        except ServiceError as error:
            await self._refuse(error)
        except ClientGoneError:
            metrics.CLIENTS_GONE.inc()
            self._answer.status = GONE
        except Exception:  # noqa: BLE001 -- the last net: logged with its trace, answered without it
            _log.exception("unexpected_failure", method=self._scope["method"], path=self._path())
            await self._send_problem(unexpected_problem(self._path()))
        finally:
            self._finish()

    async def _serve(self) -> None:
        handed_over: HandedOver = self._scope.get(HANDED_OVER) or HandedOver()
        try:
            call = self._call = self._pipeline.admission.inspect(self._arrival())
        except ServiceError:
            given = dict(self._scope["headers"])
            self._name(given.get(b"x-request-id"), given.get(b"traceparent"))
            raise
        self._name(call.headers.request_id, call.headers.traceparent)
        if self._is_last and call.route.path == _READINESS:
            raise DrainingError("This gateway is about to stop; others serve on.")
        call.verdict = handed_over.verdict
        body = RequestBody(self._receive, call.body_length, call.body_limit, self._pipeline.idle_seconds)
        await self._pipeline.admission.admit(call)
        if call.verdict is not None:
            self._answer.own_headers += call.verdict.lines
        if handed_over.refusal is not None:
            raise handed_over.refusal
        call.extra = self._own_headers(call)
        if call.route.upstream == OWN:
            await self._serve_own(call, body)
        elif wants_websocket(call) and CALLER in self._scope:
            await self._tunnel(call)
        else:
            await self._pipeline.delivery.deliver(call, body, self._answer)

    def _name(self, given_id: bytes | None, given_trace: bytes | None) -> None:
        names = self._names = names_of(given_id, given_trace)
        self._answer.own_headers = [(b"x-request-id", names[0]), NOSNIFF]
        if self._is_last:
            self._answer.own_headers.append(CLOSE)
        context.request_id.set(names[0].decode())
        context.traceparent.set(names[2].decode())

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
            (b"x-request-id", self._names[0]),
            (b"traceparent", self._names[2]),
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
        scope["principal"] = call.principal
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

    async def _tunnel(self, call: Call) -> None:
        pipeline = self._pipeline

        async def is_allowed() -> bool:
            try:
                await pipeline.admission.admit(call)
            except ServiceError:
                return False
            return True

        pool, _ = pipeline.forwarder.way_of(call.route, call.permission)
        tunnel = Tunnel(pool, self._scope[CALLER], pipeline.idle_seconds, is_allowed, pipeline.is_draining)
        self._answer.bytes = await tunnel.run(call, self._answer.own_headers)
        self._answer.status = 101

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
        origin = Origin(call.address if call is not None else "", self._names[0].decode())
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
        principal = call.principal if call is not None else None
        self._pipeline.access_log.write(
            (
                time.time(),
                self._names[0],
                self._names[1],
                self._scope["method"],
                self._scope["method"] if call is not None else "OTHER",
                self._path(),
                call.route.path if call is not None else _UNMATCHED,
                call.route.upstream if call is not None else "",
                answer.status or GONE,
                answer.bytes,
                time.perf_counter() - self._began,
                call.address if call is not None else "",
                principal.subject if principal is not None else "",
                (principal.acting_service or "") if principal is not None else "",
            )
        )
