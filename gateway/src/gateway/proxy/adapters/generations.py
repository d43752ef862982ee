"""The generation of every tag, kept in Redis and followed by each process: an answer of an older one is untrue.

A process trusts what it has in memory only for a moment after Redis has confirmed the generations; it asks several
times a second, and at once when another process announces a change.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.proxy.adapters.store import Script, SharedStore, StoreAwayError
from shared.observability.logging import get_logger

TRUST_SECONDS = 0.5
_POLL_SECONDS = 0.2
_WARY_SECONDS = 2.0
_CHANNEL = "gateway:cache:changed"
_KEPT_SECONDS = 86_400  # longer than any answer is kept

# A time, not a count: it never comes back, also when Redis has lost everything.
_RAISE = Script(f"""
local time = redis.call('TIME')
local generation = time[1] .. string.format('%06d', time[2])
for i = 1, #KEYS do redis.call('SET', KEYS[i], generation, 'EX', {_KEPT_SECONDS}) end
redis.call('PUBLISH', '{_CHANNEL}', generation)
return generation
""")
_READ = Script("return redis.call('MGET', unpack(KEYS))")
_log = get_logger(__name__)
Dropped = Callable[[frozenset[str]], None]


def generation_key(tag: str) -> str:
    return f"gateway:cache:generation:{tag}"


class Generations:
    """`dropped` is called with the tags whose generation turned out to be another one."""

    def __init__(self, store: SharedStore, redis: "Redis | None", dropped: Dropped) -> None:
        self._store = store
        self._redis = redis
        self._dropped = dropped
        self._known: dict[str, str] = {}
        self._owed: set[str] = set()
        self._trusted_until = 0.0
        self._wary_until = 0.0

    @property
    def are_trusted(self) -> bool:
        return self._wary_until <= time.monotonic() < self._trusted_until

    @property
    def is_wary(self) -> bool:
        """Redis was away a moment ago: others may not have told yet what they changed meanwhile."""
        return time.monotonic() < self._wary_until

    @property
    def known_tags(self) -> tuple[str, ...]:
        return tuple(self._known)

    def owes(self, tags: Iterable[str]) -> bool:
        """Something changed while Redis was away, and nobody else knows yet."""
        return not self._owed.isdisjoint(tags)

    def matches(self, tags: Sequence[str], generation: str) -> bool:
        return generation == ".".join(self._known.get(tag, "?") for tag in tags)

    def note(self, tags: Sequence[str], values: Sequence[bytes | None]) -> str:
        """What Redis just said; returns the generation of an answer made of all of these."""
        found = {tag: (value or b"0").decode() for tag, value in zip(tags, values, strict=True)}
        changed = frozenset(tag for tag, value in found.items() if self._known.get(tag, value) != value)
        self._known.update(found)
        if changed:
            self._dropped(changed)
        return ".".join(found[tag] for tag in tags)

    async def renew(self, tags: Sequence[str]) -> None:
        """From here on every answer made of one of these is untrue, everywhere.

        Raises: StoreAwayError; this process then keeps nothing of these until it could tell the others.
        """
        self._owed.update(tags)
        self._dropped(frozenset(tags))
        try:
            generation = await self._store.run(_RAISE, [generation_key(tag) for tag in tags], [])
        except StoreAwayError:
            self._owed.update(tags)  # another write of the same may have paid meanwhile, too early for this one
            raise
        self._owed.difference_update(tags)
        self.note(tags, [generation] * len(tags))

    async def refresh(self) -> None:
        """Raises: StoreAwayError."""
        if self._owed:
            await self.renew(sorted(self._owed))
        tags, asked_at = list(self._known), time.monotonic()
        if tags:
            self.note(tags, await self._store.run(_READ, [generation_key(tag) for tag in tags], []))
        self._trusted_until = asked_at + TRUST_SECONDS

    async def follow(self) -> None:
        """For ever. Without Redis there is nothing to follow."""
        while self._redis is not None:
            try:
                async with _announcements(self._redis) as announced:
                    while True:
                        await self._refresh_if_there()
                        await announced()
            except (RedisError, OSError) as error:
                _log.warning("cache_changes_not_heard", error=repr(error))
                await asyncio.sleep(_POLL_SECONDS)
                await self._refresh_if_there()

    async def _refresh_if_there(self) -> None:
        try:
            await self.refresh()
        except StoreAwayError:
            self._wary_until = time.monotonic() + _WARY_SECONDS


@asynccontextmanager
async def _announcements(redis: "Redis") -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """`await announced()` returns when somebody announces a change, and otherwise after a moment."""
    subscription = redis.pubsub(ignore_subscribe_messages=True)
    try:
        await subscription.subscribe(_CHANNEL)
        yield lambda: subscription.get_message(timeout=_POLL_SECONDS)
    finally:
        await subscription.aclose()  # type: ignore[no-untyped-call]
