"""A request for an answer that may be kept: served from what is kept, or fetched once for all who ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.access.domain import Permission
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.response_cache import Found, Place, ResponseCache
from gateway.proxy.domain.caching import Allowance, StoredResponse, cache_key
from gateway.proxy.domain.conditions import Demands, headers_of_304, is_known
from gateway.proxy.domain.invalidation import tags_of_answer
from gateway.proxy.errors import NotKeptError
from gateway.proxy.service.calls import Answer, Call, HeaderList, RequestBody
from gateway.proxy.service.flights import Flight, Landing
from gateway.proxy.service.forwarding import Exchange
from gateway.proxy.service.freshening import Fetched, FlightBody, Freshener, Wanted, is_failure
from shared.errors import ServiceError

NO_STORE = (b"cache-control", b"no-store")
Forward = Callable[[Call, RequestBody, Answer, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reader:
    """`forward` passes a request on with nothing kept; its last argument tells how the cache was passed by."""

    cache: ResponseCache
    freshener: Freshener
    forward: Forward


def caching_of(call: Call) -> Permission | None:
    """What the route says about keeping; a HEAD is answered by what is kept for the GET."""
    given = call.permission if call.method == "GET" else None
    if call.method == "HEAD":
        given = call.route.permissions.get("GET")
    return given if given is not None and given.cache_seconds and call.principal is not None else None


def place_of(call: Call, caching: Permission) -> Place:
    """Of an authorised call: the key holds who it is and with which rights."""
    headers, upstream = call.headers, call.route.upstream
    varying = (headers.accept, headers.accept_language, headers.accept_encoding)
    target = call.path + b"?" + call.query
    identity = call.principal.key if call.principal is not None else ""
    return Place(upstream, cache_key(identity, target, varying), tags_of_answer(upstream, caching.tags))


class Reading:
    """One such request."""

    def __init__(self, reader: Reader, call: Call, body: RequestBody, answer: Answer, caching: Permission) -> None:
        self._reader = reader
        self._call = call
        self._body = body
        self._answer = answer
        self._demands = Demands.of(call.headers)
        self._place = place_of(call, caching)
        self._allowed = Allowance(caching.cache_seconds, caching.stale_seconds, caching.error_seconds)

    async def run(self) -> None:
        """Raises: ServiceError; ClientGoneError. Both can come when the answer has begun; it must then be cut."""
        if self._demands.bypasses or self._call.body_length != 0:
            await self._pass_by("bypass", b"fwd=bypass")
            return
        found = await self._reader.cache.find(self._place)
        reason = await self._serve(found)
        if reason is None:
            return
        if self._demands.only_if_cached:
            raise NotKeptError
        if found.generation is None:
            await self._pass_by("away", b"fwd=bypass")
        elif self._call.method == "HEAD":
            await self._pass_by("miss", b"fwd=" + reason)
        else:
            await self._fetch(found.generation, found.stored, reason)

    async def _serve(self, found: Found) -> bytes | None:
        """None when it was answered from what is kept; else why not, in the words of RFC 9211."""
        stored, now = found.stored, time.time()
        if stored is None:
            return b"miss"
        if now < stored.fresh_until:
            if self._demands.refuses(stored, now):
                return b"request"
            self._count("hit")
            await self._answer_with(stored, b"hit")
            return None
        if not self._demands.takes_stale(stored, now):
            return b"stale"
        self._count("stale")
        self._reader.freshener.refresh_behind(self._wanted(stored), stored.generation)
        await self._answer_with(stored, b"hit")
        return None

    async def _fetch(self, generation: str, known: StoredResponse | None, reason: bytes) -> None:
        flights = self._reader.freshener.flights
        is_joinable = reason != b"request"  # who insists on a fresh answer gets one of their own
        landing = flights.under_way(self._place, generation) if is_joinable else None
        if landing is not None:
            await self._await_landing(landing, reason)
            return
        async with flights.lead(self._place, generation, is_joinable=is_joinable) as flight:
            landed = await flight.claim_or_wait() if is_joinable else None
            if landed is not None:
                await self._answer_collapsed(landed, reason)
            else:
                self._count("miss")
                await self._lead(flight, known, reason)

    async def _await_landing(self, landing: Landing, reason: bytes) -> None:
        landed = await asyncio.shield(landing)
        if landed is not None:
            await self._answer_collapsed(landed, reason)
        else:
            await self._pass_by("miss", b"fwd=" + reason)

    async def _lead(self, flight: Flight, known: StoredResponse | None, reason: bytes) -> None:
        wanted, body = self._wanted(known), FlightBody(self._body)
        try:
            async with self._reader.freshener.exchange(wanted, body) as exchange:
                if is_failure(exchange.status) and self._takes_instead_of_error(known):
                    await flight.give_up()
                    await self._answer_despite(known, b"fwd-status=%d" % exchange.status)
                    return
                fetched = await self._reader.freshener.take(exchange, wanted, flight)
                if fetched.stored is None:
                    body.leave_to_caller()
                    await self._pass_on(exchange, fetched, reason)
                    return
        except ServiceError as error:
            if self._answer.begun or not self._takes_instead_of_error(known):
                raise
            await self._answer_despite(known, b"detail=%s" % error.code.encode())
            return
        await self._answer_with(fetched.stored, _forwarded(fetched, reason))

    async def _pass_on(self, exchange: Exchange, fetched: Fetched, reason: bytes) -> None:
        """What must not be kept, or is too large: the rest of it comes as it comes."""
        headers: HeaderList = [*exchange.headers, (b"cache-status", b"gateway; fwd=" + reason)]
        if not any(name == b"cache-control" for name, _ in headers):
            headers.append(NO_STORE)
        if exchange.drained:
            exchange.close()
            await self._answer.whole(fetched.status, headers, fetched.data)
        else:
            await self._answer.start(fetched.status, headers)
            await exchange.relay(self._answer, already=fetched.data)

    async def _pass_by(self, outcome: str, status: bytes) -> None:
        self._count(outcome)
        await self._reader.forward(self._call, self._body, self._answer, b"gateway; " + status)

    def _takes_instead_of_error(self, known: StoredResponse | None) -> bool:
        return known is not None and self._demands.takes_stale(known, time.time(), instead_of_error=True)

    async def _answer_despite(self, known: StoredResponse | None, why: bytes) -> None:
        """An old answer is better than none. Source: RFC 5861, section 4."""
        if known is not None:
            self._count("stale")
            await self._answer_with(known, b"fwd=stale; " + why)

    async def _answer_collapsed(self, stored: StoredResponse, reason: bytes) -> None:
        self._count("collapsed")
        await self._answer_with(stored, b"fwd=" + reason + b"; collapsed")

    async def _answer_with(self, stored: StoredResponse, how: bytes) -> None:
        now = time.time()
        status = b"gateway; %b; ttl=%d" % (how, stored.ttl(now))
        headers: HeaderList = [*stored.headers, (b"age", b"%d" % stored.age(now)), (b"cache-status", status)]
        if is_known(self._call.headers, stored):
            await self._answer.whole(304, headers_of_304(headers), b"")
        else:
            await self._answer.whole(200, headers, b"" if self._call.method == "HEAD" else stored.body)

    def _wanted(self, known: StoredResponse | None) -> Wanted:
        return Wanted(self._call, self._place, self._allowed, known)

    def _count(self, outcome: str) -> None:
        metrics.count_cache(self._place.upstream, outcome)


def _forwarded(fetched: Fetched, reason: bytes) -> bytes:
    """How an answer came from its service, after RFC 9211."""
    status = b"; fwd-status=304" if fetched.status == 304 else b""
    return b"fwd=" + reason + status + (b"; stored" if fetched.is_kept else b"")
