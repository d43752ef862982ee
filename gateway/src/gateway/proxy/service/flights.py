"""One fetch at a time of the same answer: the others wait for it, in this process and in the other ones."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.proxy.adapters.response_cache import Claim, Place, ResponseCache
from gateway.proxy.domain.caching import CacheKey, StoredResponse

_WAIT_SECONDS = 3.0
_CLAIM_SECONDS = 5.0  # a process that dies with it holds up the others for no longer, and they wait less than that
_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.1

_Key = tuple[CacheKey, str]
Landing = asyncio.Future[StoredResponse | None]


class Flight:
    """One fetch of one answer. `landing`: the answer, None when everybody had better fetch it themselves."""

    def __init__(self, cache: ResponseCache, place: Place, generation: str) -> None:
        self.landing: Landing = asyncio.get_running_loop().create_future()
        self.generation = generation
        self._cache = cache
        self._place = place
        self._token = secrets.token_hex(8)
        self._is_ours = False

    async def claim(self) -> bool:
        """Whether nobody else is fetching it. What cannot be known, or not be kept, is nobody's."""
        claim = await self._cache.claim(self._place, self.generation, self._token, _CLAIM_SECONDS)
        self._is_ours = claim is Claim.OURS
        return claim is not Claim.THEIRS

    async def claim_or_wait(self) -> StoredResponse | None:
        """What another process has fetched meanwhile; None: fetch it."""
        until, pause = time.monotonic() + _WAIT_SECONDS, _FIRST_PAUSE_SECONDS
        while True:
            is_free = await self.claim()
            found = await self._cache.look(self._place)  # also when it is free: another may just have landed
            if found.stored is not None and time.time() < found.stored.fresh_until:
                self._land(found.stored)
                return found.stored
            if is_free or found.generation != self.generation or time.monotonic() > until:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

    async def keep(self, mask: str, response: StoredResponse) -> None:
        self._land(response)
        self._is_ours = False
        await self._cache.keep(self._place, mask, response, self._token)

    async def give_up(self) -> None:
        """The answer is not one to keep: nobody shall wait for it."""
        self._land(None)
        if self._is_ours:
            self._is_ours = False
            await self._cache.release(self._place, self.generation, self._token, is_unstorable=True)

    async def close(self) -> None:
        """However it ended."""
        self._land(None)
        if self._is_ours:
            self._is_ours = False
            await self._cache.release(self._place, self.generation, self._token, is_unstorable=False)

    def _land(self, response: StoredResponse | None) -> None:
        if not self.landing.done():
            self.landing.set_result(response)


class Flights:
    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache
        self._flying: dict[_Key, Flight] = {}

    def under_way(self, place: Place, generation: str) -> Landing | None:
        """Of the same generation: who asks after a change is not given what was fetched before it."""
        flight = self._flying.get((place.key, generation))
        return None if flight is None else flight.landing

    @asynccontextmanager
    async def lead(self, place: Place, generation: str, *, is_joinable: bool = True) -> AsyncIterator[Flight]:
        flight, key = Flight(self._cache, place, generation), (place.key, generation)
        if is_joinable:
            self._flying[key] = flight
        try:
            yield flight
        finally:
            if self._flying.get(key) is flight:
                del self._flying[key]
            await flight.close()
