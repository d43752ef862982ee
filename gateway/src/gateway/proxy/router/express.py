"""The quick way: plain GET requests of known callers, served without a task, a scope or a second parsing.

It takes the same steps as a passage, with the same functions, but only as long as each can be answered from memory; at
the first doubt the request goes the long way from its beginning. What is remembered are pure functions of bytes: the
headers of a request as parsed and screened, the route of a target. Who the caller is, what they may and how often is
decided anew for every request.
"""

from dataclasses import dataclass
from typing import NamedTuple

import httptools

from gateway.access.domain import OWN, Permission, Route
from gateway.authentication.domain import Principal
from gateway.authentication.service.authenticator import Authenticator
from gateway.proxy.adapters.access_log import AccessLog
from gateway.proxy.adapters.limiter import Account, RateLimiter
from gateway.proxy.adapters.pool import UpstreamPool
from gateway.proxy.adapters.response_cache import ResponseCache
from gateway.proxy.domain.caching import StoredResponse, cache_key
from gateway.proxy.domain.conditions import is_plain
from gateway.proxy.domain.headers import RequestHeaders
from gateway.proxy.domain.target import canonical_path, checked_query
from gateway.proxy.domain.violations import ViolationError
from gateway.proxy.service.admission import Admission, is_permitted
from gateway.proxy.service.forwarding import Forwarder

_MAX_REMEMBERED = 4096
_MAX_REMEMBERED_BYTES = 4096
_UNUSUAL = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"})


@dataclass(slots=True)
class Target:
    """`inner` is path and query as the service gets them, `shown` the path as the log shows it."""

    path: bytes
    query: bytes
    inner: bytes
    route: Route
    permission: Permission
    pool: UpstreamPool
    total_seconds: float
    timeout_ms: int
    shown: str


class Ticket(NamedTuple):
    """A request that may be carried at once, if its account allows; `stored` is its answer when the cache has it."""

    target: Target
    headers: RequestHeaders
    principal: Principal | None
    address: str
    account: Account | None
    stored: StoredResponse | None


class Express:
    """One per process; `limiter`, `log` and `forwarder` are for the connections that use it."""

    def __init__(
        self,
        admission: Admission,
        authenticator: Authenticator,
        cache: ResponseCache,
        limiter: RateLimiter,
        forwarder: Forwarder,
        log: AccessLog,
    ) -> None:
        self.limiter = limiter
        self.forwarder = forwarder
        self.log = log
        self.authenticator = authenticator
        self._admission = admission
        self._cache = cache
        self._headers: dict[bytes, RequestHeaders] = {}
        self._targets: dict[bytes, Target] = {}
        self._generation = admission.generation

    def ticket(self, data: bytes, peer: str) -> Ticket | None:
        """`data`: exactly what arrived. None: the long way, which also says what is wrong."""
        end = data.find(b"\r\n")
        if data[end - 9 : end] != b" HTTP/1.1":
            return None
        block = data[end:]
        headers = self._headers.get(block) or self._read_headers(data, block)
        target = self._target(data[4 : end - 9])
        if headers is None or target is None:
            return None
        address = peer if headers.forwarded_for is None else self._address(peer, headers)
        permission = target.permission
        if permission.roles is None:
            return None if address is None else self._ticket(target, headers, None, address)
        principal = self.authenticator.peek(headers.authorization, headers.api_key, headers.acting_for)
        if principal is None or address is None or not is_permitted(principal, permission):
            return None
        return self._ticket(target, headers, principal, address)

    def is_still_good(self, ticket: Ticket) -> bool:
        """The routes are the same and the caller is who they were, down to the last right; nothing else can change."""
        headers, principal = ticket.headers, ticket.principal
        if ticket.stored is not None or principal is None or self._generation != self._admission.generation:
            return False
        if principal.daily_quota is not None:
            return False
        return self.authenticator.peek(headers.authorization, headers.api_key, headers.acting_for) is principal

    def _ticket(
        self, target: Target, headers: RequestHeaders, principal: Principal | None, address: str
    ) -> Ticket | None:
        stored = None
        if target.permission.cache_seconds:
            stored = self._remembered(target, headers, principal)
            if stored is None:
                return None
        account = self._admission.account_of(target.permission, principal, address)
        return Ticket(target, headers, principal, address, account, stored)

    def _target(self, target: bytes) -> Target | None:
        if self._generation != self._admission.generation:
            self._targets.clear()
            self._generation = self._admission.generation
        return self._targets.get(target) or self._read_target(target)

    def _address(self, peer: str, headers: RequestHeaders) -> str | None:
        try:
            return self._admission.address_of(peer, headers)
        except ViolationError:
            return None

    def _remembered(
        self, target: Target, headers: RequestHeaders, principal: Principal | None
    ) -> StoredResponse | None:
        """Only for requests without conditions of their own."""
        if principal is None or not is_plain(headers):
            return None
        varying = (headers.accept, headers.accept_language, headers.accept_encoding)
        keyed = target.path + b"?" + target.query
        return self._cache.peek(target.route.upstream, cache_key(principal.key, keyed, varying))

    def scheme_of(self, headers: RequestHeaders, arrived: str) -> str:
        return self._admission.scheme_of(headers, arrived)

    def _read_headers(self, data: bytes, block: bytes) -> RequestHeaders | None:
        """None unless `data` is one whole request without a body and without anything unusual."""
        reading = _Reading()
        parser = httptools.HttpRequestParser(reading)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        is_one = reading.messages == 1 and parser.should_keep_alive() and parser.get_http_version() == "1.1"
        if not is_one or not _UNUSUAL.isdisjoint(name for name, _ in reading.headers):
            return None
        try:
            headers = self._admission.checked_headers(reading.headers, "1.1")
        except ViolationError:
            return None
        if (headers.connection or b"keep-alive").lower() != b"keep-alive" or headers.timeout_ms is not None:
            return None
        if self._is_worth_remembering(headers, block):
            if len(self._headers) >= _MAX_REMEMBERED:
                self._headers.pop(next(iter(self._headers)))
            self._headers[block] = headers
        return headers

    @staticmethod
    def _is_worth_remembering(headers: RequestHeaders, block: bytes) -> bool:
        """Headers that differ from request to request would only push out those that come again."""
        unique = headers.request_id or headers.traceparent or headers.if_none_match
        return unique is None and len(block) <= _MAX_REMEMBERED_BYTES

    def _read_target(self, target: bytes) -> Target | None:
        raw_path, _, query = target.partition(b"?")
        if b"#" in query:
            return None
        try:
            path = canonical_path(raw_path)
            query = checked_query(query, len(path))
        except ViolationError:
            return None
        route = self._admission.route_of(path)
        permission = route.permissions.get("GET") if route is not None else None
        if route is None or permission is None or route.upstream == OWN:
            return None
        inner = route.inner_path(path) + (b"?" + query if query else b"")
        pool, total_seconds = self.forwarder.way_of(route, permission)
        shown = raw_path[:512].decode("latin-1")
        known = Target(path, query, inner, route, permission, pool, total_seconds, int(total_seconds * 1000), shown)
        if len(target) <= _MAX_REMEMBERED_BYTES // 8:
            if len(self._targets) >= _MAX_REMEMBERED:
                self._targets.pop(next(iter(self._targets)))
            self._targets[target] = known
        return known


class _Reading:
    """What the parser finds in one piece of data."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.messages = 0

    def on_message_begin(self) -> None:
        if self.messages:
            raise httptools.HttpParserError("more than one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        self.messages += 1
