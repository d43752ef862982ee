"""Gets an answer from its service and keeps it when it may be kept; also behind the back of a caller served at once."""

import asyncio
import copy
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from gateway.proxy.adapters.response_cache import Place, ResponseCache
from gateway.proxy.domain.caching import (
    Allowance,
    StoredResponse,
    Told,
    revalidated,
    stored_response,
    variation,
)
from gateway.proxy.service.calls import Call, Message, RequestBody
from gateway.proxy.service.flights import Flight, Flights
from gateway.proxy.service.forwarding import Exchange, Forwarder, held
from shared.errors import ServiceError
from shared.observability.logging import get_logger

_FAILURES = frozenset({500, 502, 503, 504})
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer to get. `known`: what is kept of it, too old to be served as it is."""

    call: Call
    place: Place
    allowed: Allowance
    known: StoredResponse | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """`stored` None: not one to keep; the beginning of its body, or all of it, is in `data`."""

    status: int
    stored: StoredResponse | None = None
    is_kept: bool = False
    data: bytes = b""


class FlightBody(RequestBody):
    """No body, of a request that others may wait for: its caller's leaving counts only once nobody else can."""

    def __init__(self, caller: RequestBody | None = None) -> None:
        super().__init__(_never, 0, 0, 0)
        self._caller = caller
        self._alone = asyncio.Event()

    def leave_to_caller(self) -> None:
        self._alone.set()

    async def wait_for_disconnect(self) -> None:
        await self._alone.wait()
        if self._caller is not None:
            await self._caller.wait_for_disconnect()


async def _never() -> Message:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


class Freshener:
    def __init__(self, forwarder: Forwarder, cache: ResponseCache, max_body: int) -> None:
        self.flights = Flights(cache)
        self._forwarder = forwarder
        self._max_body = max_body
        self._behind: set[asyncio.Task[None]] = set()

    def exchange(self, wanted: Wanted, body: RequestBody) -> AbstractAsyncContextManager[Exchange]:
        """Asks for the answer, or only whether the known one still holds. Raises: ServiceError."""
        return held(self._forwarder.exchange(_asking(wanted), body))

    async def take(self, exchange: Exchange, wanted: Wanted, flight: Flight) -> Fetched:
        """Reads no more of it than may be kept."""
        if exchange.status == 304 and wanted.known is not None:
            return await self._confirm(exchange, wanted, wanted.known, flight)
        pieces, size = [exchange.take()], 0
        while not exchange.drained and size <= self._max_body:
            pieces.append(await exchange.more())
            size += len(pieces[-1])
        data = b"".join(pieces)
        stored = None
        if exchange.drained and len(data) <= self._max_body:
            told = Told(exchange.status, exchange.received, exchange.headers)
            stored = stored_response(told, data, flight.generation, wanted.allowed, time.time())
        if stored is None:
            await flight.give_up()
            return Fetched(exchange.status, data=data)
        await flight.keep(variation(exchange.received) or "", stored)
        return Fetched(exchange.status, stored, is_kept=True)

    async def _confirm(self, exchange: Exchange, wanted: Wanted, known: StoredResponse, flight: Flight) -> Fetched:
        told = Told(200, exchange.received, exchange.headers)
        stored = revalidated(known, told, flight.generation, wanted.allowed, time.time())
        if stored is None:
            await flight.give_up()
            return Fetched(304, known)
        mask = variation(stored.kept)
        await flight.keep(mask or "", stored)
        return Fetched(304, stored, is_kept=True)

    def refresh_behind(self, wanted: Wanted, generation: str) -> None:
        """Once, however many ask meanwhile."""
        if self.flights.under_way(wanted.place, generation) is None:
            task = asyncio.create_task(self._refresh(wanted, generation), name="refreshing a kept answer")
            self._behind.add(task)
            task.add_done_callback(self._behind.discard)

    async def _refresh(self, wanted: Wanted, generation: str) -> None:
        async with self.flights.lead(wanted.place, generation) as flight:
            if not await flight.claim():
                return
            try:
                async with self.exchange(wanted, FlightBody()) as exchange:
                    if exchange.status in _FAILURES:
                        await flight.give_up()
                    else:
                        await self.take(exchange, wanted, flight)
            except ServiceError as error:
                _log.info("refresh_failed", path=wanted.call.route.path, reason=error.detail)
                await flight.give_up()

    async def close(self) -> None:
        for task in self._behind:
            task.cancel()
        await asyncio.gather(*self._behind, return_exceptions=True)


def is_failure(status: int) -> bool:
    return status in _FAILURES


def _asking(wanted: Wanted) -> Call:
    """The caller's own conditions stay here: what is kept must be the whole answer."""
    call = copy.copy(wanted.call)
    call.method = "GET"
    call.cache = "kept"
    if wanted.known is not None:
        call.extra = [*call.extra, *wanted.known.validators]
    return call
