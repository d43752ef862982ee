"""Decides on a request before anything is passed on: form, route, caller, role, rate; in this order, once each.

`inspect` needs no waiting; `admit` waits for the session store and the counters only when memory cannot tell. The quick
way of `gateway.proxy.router.express` takes the same steps with the same functions.
"""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

from gateway.access.domain import OWN, Permission, Rate, RateClass, Route, RouteTable
from gateway.authentication.domain import Principal
from gateway.authentication.errors import ActingForRefusedError, InvalidTokenError, NoCredentialsError
from gateway.authentication.service.authenticator import Authenticator
from gateway.proxy.adapters.limiter import Account, RateLimiter
from gateway.proxy.domain.addresses import client_address, counted_address
from gateway.proxy.domain.gcra import Limit, Verdict
from gateway.proxy.domain.headers import RequestHeaders, body_length, check_host, screen
from gateway.proxy.domain.target import canonical_path, checked_query
from gateway.proxy.domain.violations import ViolationError
from gateway.proxy.errors import (
    MethodNotAllowedError,
    PermitMissingError,
    QuotaExceededError,
    RoleMissingError,
    RouteNotFoundError,
    refusal,
)
from gateway.proxy.service.calls import Call

_REMEMBERED_ACCOUNTS = 10_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_DAY_SECONDS = 86_400


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
        self._accounts: dict[tuple[str, str, str], Account] = {}
        self.generation = 0

    def use(self, table: RouteTable) -> None:
        """From the next request on; `generation` tells those who remember routes that theirs are old."""
        self._table = table
        self._accounts.clear()
        self.generation += 1

    def inspect(self, arrival: Arrival) -> Call:
        """Raises: ServiceError for everything that can be refused without knowing the caller."""
        if arrival.method not in _METHODS:
            raise MethodNotAllowedError(
                "This method is not served here.", headers={"Allow": ", ".join(sorted(_METHODS))}
            )
        try:
            headers = self.checked_headers(arrival.headers, arrival.http_version)
            length = body_length(headers, arrival.http_version)
            path = canonical_path(arrival.raw_path)
            query = checked_query(arrival.query, len(path))
            address = client_address(arrival.peer, headers.forwarded_for, self._rules.trusted_proxies)
        except ViolationError as error:
            raise refusal(error.status, error.detail) from error
        route, permission = self._permitted(path, arrival.method)
        return Call(
            method=arrival.method,
            path=path,
            query=query,
            scheme=self.scheme_of(headers, arrival.scheme),
            headers=headers,
            address=address,
            body_length=length,
            body_limit=self._rules.max_upload_bytes if permission.upload else self._rules.max_body_bytes,
            route=route,
            permission=permission,
        )

    def checked_headers(self, headers: list[tuple[bytes, bytes]], http_version: str) -> RequestHeaders:
        """Raises: ViolationError."""
        if http_version not in {"1.1", "1.0"}:
            raise ViolationError(400, "Only HTTP/1.1 is spoken here.")
        screened = screen(headers)
        check_host(screened.host, self._rules.allowed_hosts)
        return screened

    def route_of(self, path: bytes) -> Route | None:
        """Of a canonical path."""
        return self._table.match(path)

    def address_of(self, peer: str, headers: RequestHeaders) -> str:
        """Raises: ViolationError."""
        return client_address(peer, headers.forwarded_for, self._rules.trusted_proxies)

    def scheme_of(self, headers: RequestHeaders, arrived: str) -> str:
        """What the caller used, as the proxy in front tells; without one, what arrived here."""
        if not self._rules.trusted_proxies:
            return arrived
        told = (headers.forwarded_proto or b"").rpartition(b",")[2].strip()
        return told.decode() if told in {b"http", b"https"} else arrived

    def _permitted(self, path: bytes, method: str) -> tuple[Route, Permission]:
        route = self._table.match(path)
        if route is None:
            raise RouteNotFoundError
        permission = route.permissions.get(method)
        if permission is None:
            raise MethodNotAllowedError(f"This route takes {route.allow}; see /docs.", headers={"Allow": route.allow})
        return route, permission

    async def admit(self, call: Call) -> None:
        """Recognises, authorises and counts, unless that was done already. Raises: ServiceError."""
        permission = call.permission
        if permission.roles is not None:
            call.principal = await self._recognise(call)
            _authorise(call.principal, call)
        elif _may_be_recognised(call):
            call.principal = await self._recognise(call)
        if call.verdict is None:
            account = self.account_of(permission, call.principal, call.address)
            if account is not None:
                call.verdict = await self._limiter.check(account)
        if call.verdict is not None and not call.verdict.allowed:
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
        verdict = await self._limiter.check(Account((limit,), strict=True))
        if not verdict.allowed:
            raise _exceeded(verdict)

    def account_of(self, permission: Permission, principal: Principal | None, address: str) -> Account | None:
        """By caller and class; by key as well when it is a key; by address for everybody but services."""
        rate_class = permission.rate
        if rate_class is None:
            return None
        caller = principal.key if principal is not None else ""
        if principal is not None and principal.daily_quota is not None:
            caller += f"|{int(time.time()) // _DAY_SECONDS}"
        known = (rate_class.name, caller, address)
        account = self._accounts.get(known)
        if account is None:
            if len(self._accounts) >= _REMEMBERED_ACCOUNTS:
                self._accounts.clear()
            limits = self._limits(rate_class, principal, address)
            account = self._accounts[known] = Account(limits, strict=rate_class.strict)
        return account

    def _limits(self, rate_class: RateClass, principal: Principal | None, address: str) -> tuple[Limit, ...]:
        name = rate_class.name
        by_address = _limit("address", f"a:{counted_address(address)}", self._table.address_rate)
        if principal is None:
            return (_limit(name, f"a:{counted_address(address)}", rate_class.anonymous), by_address)
        if principal.kind == "service" or principal.acting_service is not None:
            return (_limit(name, f"s:{principal.acting_service or principal.subject}", rate_class.service),)
        by_user = _limit(name, f"u:{principal.subject}", rate_class.user)
        if principal.kind != "api_key":
            return (by_user, by_address)
        by_key = _limit(name, f"k:{principal.session}", rate_class.api_key)
        if principal.daily_quota is None:
            return (by_user, by_key, by_address)
        return (by_user, by_key, by_address, _daily(principal.session, principal.daily_quota))


def _may_be_recognised(call: Call) -> bool:
    """Pages everybody may read, but that say more to those who are known."""
    headers = call.headers
    return call.route.upstream == OWN and call.method == "GET" and bool(headers.authorization or headers.api_key)


def is_permitted(principal: Principal, permission: Permission) -> bool:
    return permission.allows(principal.roles) and permission.allows_permits(principal.permits)


def _authorise(principal: Principal, call: Call) -> None:
    """Raises: RoleMissingError, PermitMissingError, ActingForRefusedError."""
    permission = call.permission
    if not permission.allows(principal.roles):
        needed = ", ".join(sorted(permission.roles or ()))
        raise RoleMissingError(f"This needs one of the roles: {needed}. Ask an administrator.")
    if not permission.allows_permits(principal.permits):
        raise PermitMissingError(f"This key lacks the scope {permission.permit}; make one that has it.")
    if call.route.upstream == OWN and principal.acting_service is not None:
        raise ActingForRefusedError("A service cannot act for a person here; only towards other services.")


def _limit(name: str, caller: str, rate: Rate) -> Limit:
    return Limit(f"gateway:limit:{name}:{caller}", name, rate.requests, rate.seconds)


def _daily(key_id: str, requests: int) -> Limit:
    """Counted anew from midnight, UTC."""
    day = int(time.time()) // _DAY_SECONDS
    return Limit(f"gateway:quota:{key_id}:{day}", "daily", requests, _DAY_SECONDS, quota=True)


def _exceeded(verdict: Verdict) -> QuotaExceededError:
    seconds = max(1, math.ceil(verdict.reset_seconds))
    headers = {name.decode(): value.decode() for name, value in verdict.lines}
    return QuotaExceededError(
        f"`{verdict.policy}` allows {verdict.requests} requests in {verdict.seconds} s; try again in {seconds} s.",
        headers={**headers, "Retry-After": str(seconds)},
    )
