"""Decides on a request before anything is passed on: form, route, caller, role, rate; in this order, once each.

`inspect` needs no waiting; `admit` waits for the session store and the counters only when memory cannot tell.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from gateway.access.domain import OWN, Permission, Rate, RateClass, Route, RouteTable
from gateway.authentication.domain import Principal
from gateway.authentication.errors import ActingForRefusedError, InvalidTokenError, NoCredentialsError
from gateway.authentication.service.authenticator import Authenticator
from gateway.proxy.adapters.limiter import RateLimiter
from gateway.proxy.domain.addresses import client_address, counted_address
from gateway.proxy.domain.gcra import Limit, Verdict
from gateway.proxy.domain.headers import RequestHeaders, body_length, check_host, screen
from gateway.proxy.domain.target import canonical_path, checked_query
from gateway.proxy.domain.violations import ViolationError
from gateway.proxy.errors import (
    MethodNotAllowedError,
    QuotaExceededError,
    RoleMissingError,
    RouteNotFoundError,
    refusal,
)
from gateway.proxy.service.calls import Call

_REMEMBERED_LIMITS = 10_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


class Arrival(NamedTuple):
    """A request as the server parsed it; header names in lower case, `raw_path` undecoded and without the query."""

    method: str
    http_version: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    peer: str
    scheme: str


@dataclass(frozen=True)
class AdmissionRules:
    trusted_proxies: int
    allowed_hosts: frozenset[bytes]
    max_body_bytes: int
    max_upload_bytes: int


class Admission:
    def __init__(
        self, table: RouteTable, rules: AdmissionRules, authenticator: Authenticator, limiter: RateLimiter
    ) -> None:
        self._table = table
        self._rules = rules
        self._authenticator = authenticator
        self._limiter = limiter
        self._known_limits: dict[tuple[str, str, str], tuple[Limit, ...]] = {}

    def inspect(self, arrival: Arrival) -> Call:
        """Raises: ServiceError for everything that can be refused without knowing the caller."""
        if arrival.method not in _METHODS:
            raise MethodNotAllowedError(
                "This method is not served here.", headers={"Allow": ", ".join(sorted(_METHODS))}
            )
        try:
            headers, path, query, length = self._checked(arrival)
            address = client_address(arrival.peer, headers.forwarded_for, self._rules.trusted_proxies)
        except ViolationError as error:
            raise refusal(error.status, error.detail) from error
        route, permission = self._permitted(path, arrival.method)
        return Call(
            method=arrival.method,
            path=path,
            query=query,
            scheme=self._scheme(arrival, headers),
            headers=headers,
            address=address,
            body_length=length,
            body_limit=self._rules.max_upload_bytes if permission.upload else self._rules.max_body_bytes,
            route=route,
            permission=permission,
        )

    def _checked(self, arrival: Arrival) -> tuple[RequestHeaders, bytes, bytes, int | None]:
        if arrival.http_version not in {"1.1", "1.0"}:
            raise ViolationError(400, "Only HTTP/1.1 is spoken here.")
        headers = screen(arrival.headers)
        check_host(headers.host, self._rules.allowed_hosts)
        length = body_length(headers, arrival.http_version)
        path = canonical_path(arrival.raw_path)
        return headers, path, checked_query(arrival.query, len(path)), length

    def _permitted(self, path: bytes, method: str) -> tuple[Route, Permission]:
        route = self._table.match(path)
        if route is None:
            raise RouteNotFoundError
        permission = route.permissions.get(method)
        if permission is None:
            raise MethodNotAllowedError(f"This route takes {route.allow}; see /docs.", headers={"Allow": route.allow})
        return route, permission

    def _scheme(self, arrival: Arrival, headers: RequestHeaders) -> str:
        """What the caller used, as the proxy in front tells; without one, what arrived here."""
        if not self._rules.trusted_proxies:
            return arrival.scheme
        told = (headers.forwarded_proto or b"").rpartition(b",")[2].strip()
        return told.decode() if told in {b"http", b"https"} else arrival.scheme

    async def admit(self, call: Call) -> None:
        """Recognises, authorises and counts. Raises: ServiceError."""
        permission = call.permission
        if permission.roles is not None:
            call.principal = await self._recognise(call)
            if not permission.allows(call.principal.roles):
                needed = ", ".join(sorted(permission.roles))
                raise RoleMissingError(f"This needs one of the roles: {needed}. Ask an administrator.")
            if call.route.upstream == OWN and call.principal.acting_service is not None:
                raise ActingForRefusedError("A service cannot act for a person here; only towards other services.")
        limits = self._limits(call)
        if limits:
            rate_class = permission.rate
            call.verdict = await self._limiter.check(limits, strict=rate_class is not None and rate_class.strict)
            if not call.verdict.allowed:
                raise _exceeded(call.verdict)

    async def _recognise(self, call: Call) -> Principal:
        headers = call.headers
        known = self._authenticator.peek(headers.authorization, headers.api_key, headers.acting_for)
        if known is not None:
            return known
        try:
            principal = await self._authenticator.authenticate(
                headers.authorization, headers.api_key, headers.acting_for
            )
        except InvalidTokenError:
            await self.count_failure(call.address)
            raise
        if principal is None:
            raise NoCredentialsError
        return principal

    async def count_failure(self, address: str) -> None:
        """Refused credentials are counted by address. Raises: QuotaExceededError."""
        limit = _limit("failures", f"a:{counted_address(address)}", self._table.failure_rate)
        verdict = await self._limiter.check((limit,), strict=True)
        if not verdict.allowed:
            raise _exceeded(verdict)

    def _limits(self, call: Call) -> tuple[Limit, ...]:
        """By caller and class; by key as well when it is a key; by address for everybody but services."""
        rate_class = call.permission.rate
        if rate_class is None:
            return ()
        known = (rate_class.name, call.principal.key if call.principal is not None else "", call.address)
        limits = self._known_limits.get(known)
        if limits is None:
            if len(self._known_limits) >= _REMEMBERED_LIMITS:
                self._known_limits.clear()
            limits = self._known_limits[known] = self._new_limits(call, rate_class)
        return limits

    def _new_limits(self, call: Call, rate_class: RateClass) -> tuple[Limit, ...]:
        principal, name = call.principal, rate_class.name
        by_address = _limit("address", f"a:{counted_address(call.address)}", self._table.address_rate)
        if principal is None:
            return (_limit(name, f"a:{counted_address(call.address)}", rate_class.anonymous), by_address)
        if principal.kind == "service" or principal.acting_service is not None:
            return (_limit(name, f"s:{principal.acting_service or principal.subject}", rate_class.service),)
        by_user = _limit(name, f"u:{principal.subject}", rate_class.user)
        if principal.kind == "api_key":
            return (by_user, _limit(name, f"k:{principal.session}", rate_class.api_key), by_address)
        return (by_user, by_address)


def _limit(name: str, caller: str, rate: Rate) -> Limit:
    return Limit(f"gateway:limit:{name}:{caller}", name, rate.requests, rate.seconds)


def rate_headers(verdict: Verdict) -> list[tuple[bytes, bytes]]:
    """Source: draft-ietf-httpapi-ratelimit-headers-11."""
    return [
        (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (verdict.policy.encode(), verdict.requests, verdict.seconds)),
        (
            b"ratelimit",
            b'"%s";r=%d;t=%d' % (verdict.policy.encode(), verdict.remaining, math.ceil(verdict.reset_seconds)),
        ),
    ]


def _exceeded(verdict: Verdict) -> QuotaExceededError:
    seconds = max(1, math.ceil(verdict.reset_seconds))
    headers = {name.decode(): value.decode() for name, value in rate_headers(verdict)}
    return QuotaExceededError(
        f"`{verdict.policy}` allows {verdict.requests} requests in {verdict.seconds} s; try again in {seconds} s.",
        headers={**headers, "Retry-After": str(seconds)},
    )
