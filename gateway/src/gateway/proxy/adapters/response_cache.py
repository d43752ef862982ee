"""Answers kept for one caller each: in this process's memory for the hot path, in Redis for all processes."""

import asyncio
import enum
import json
import time
from dataclasses import dataclass
from typing import Any

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.generations import Generations, generation_key
from gateway.proxy.adapters.memory_layer import MemoryLayer
from gateway.proxy.adapters.store import Script, SharedStore, StoreAwayError
from gateway.proxy.domain.caching import CacheKey, StoredResponse, digest_of

_MAX_VARIANTS = 16
_REVALIDATION_SECONDS = 60  # so long it is worth asking the service whether an old answer still holds
_UNSTORABLE = b"unstorable"
_UNSTORABLE_SECONDS = 1

# An entry is a hash: `varies` says by which headers its answers differ, and each answer's field holds their values.
# KEYS: the entry, then the generations of its tags. ARGV: the values of the headers.
_FIELD = """
local function field(mask)
  local parts = {}
  for i = 1, #mask do if string.sub(mask, i, i) == '1' then parts[#parts + 1] = ARGV[i] end end
  return mask .. redis.sha1hex(table.concat(parts, '\\n'))
end
"""
_FIND = Script(
    _FIELD
    + """
local generations = {}
for i = 2, #KEYS do generations[i - 1] = redis.call('GET', KEYS[i]) end
local mask = redis.call('HGET', KEYS[1], 'varies')
return {generations, mask and redis.call('HGET', KEYS[1], field(mask))}
"""
)
# KEYS: entry, claim. ARGV: the values of three headers, mask, answer, milliseconds to keep, token of the claim.
_KEEP = Script(
    _FIELD
    + f"""
if redis.call('HLEN', KEYS[1]) > {_MAX_VARIANTS} then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'varies', ARGV[4], field(ARGV[4]), ARGV[5])
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[6]), redis.call('PTTL', KEYS[1])))
if redis.call('GET', KEYS[2]) == ARGV[7] then redis.call('DEL', KEYS[2]) end
"""
)
_CLAIM = Script("""
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return ARGV[1] end
return redis.call('GET', KEYS[1])
""")
_RELEASE = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
""")


class Claim(enum.Enum):
    """Who may fetch an answer that nobody has: this process, another one that must be waited for, or everybody."""

    OURS = "ours"
    THEIRS = "theirs"
    NOBODYS = "nobody's"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is kept. `tags`: what it is made of."""

    upstream: str
    key: CacheKey
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """`generation` to keep a new answer under; None: Redis is away, nothing can be kept. `stored` may be stale."""

    generation: str | None
    stored: StoredResponse | None


class ResponseCache:
    def __init__(self, store: SharedStore, memory: MemoryLayer, generations: Generations) -> None:
        self._store = store
        self._memory = memory
        self._generations = generations
        self._asked: dict[CacheKey, asyncio.Future[Found]] = {}

    def peek(self, upstream: str, key: CacheKey) -> StoredResponse | None:
        """A fresh answer from memory, if Redis confirmed a moment ago that nothing changed since it was made."""
        response = self._fresh_in_memory(key)
        if response is not None:
            metrics.count_cache(upstream, "hit")
        return response

    def _fresh_in_memory(self, key: CacheKey) -> StoredResponse | None:
        if not self._generations.are_trusted:
            return None
        response = self._memory.get(key)
        return response if response is not None and time.time() < response.fresh_until else None

    async def find(self, place: Place) -> Found:
        """In memory, or in Redis: once for all who ask at the same moment."""
        remembered = self._fresh_in_memory(place.key)
        if remembered is not None:
            return Found(remembered.generation, remembered)
        if self._generations.is_wary or self._generations.owes(place.tags):
            return Found(None, None)
        asked = self._asked.get(place.key)
        if asked is None:
            asked = self._asked[place.key] = asyncio.ensure_future(self.look(place))
            asked.add_done_callback(lambda done: self._forget_asked(place.key, done))
        return await asyncio.shield(asked)

    def _forget_asked(self, key: CacheKey, asked: "asyncio.Future[Found]") -> None:
        if self._asked.get(key) is asked:
            del self._asked[key]

    async def look(self, place: Place) -> Found:
        """In Redis, now."""
        identity, target, varying = place.key
        keys = [_entry_key(identity, target), *map(generation_key, place.tags)]
        try:
            values, blob = await self._store.run(_FIND, keys, _values(varying))
        except StoreAwayError:
            return Found(None, None)
        generation = self._generations.note(place.tags, values)
        stored = None if blob is None else _unpack(blob)
        if stored is None or stored.generation != generation:
            return Found(generation, None)
        self._remember(place, stored)
        return Found(generation, stored)

    async def keep(self, place: Place, mask: str, response: StoredResponse, token: str) -> None:
        self._remember(place, response)
        identity, target, varying = place.key
        useful = _REVALIDATION_SECONDS if response.validators else 0
        kept_until = response.fresh_until + max(response.stale_seconds, response.error_seconds, useful)
        milliseconds = int((kept_until - time.time()) * 1000) + 1
        arguments = [*_values(varying), mask, _pack(response), milliseconds, token]
        try:
            keys = [_entry_key(identity, target), _claim_key(place, response.generation)]
            await self._store.run(_KEEP, keys, arguments)
        except StoreAwayError:
            metrics.count_cache(place.upstream, "away")

    def _remember(self, place: Place, response: StoredResponse) -> None:
        generations = self._generations
        is_true = generations.matches(place.tags, response.generation) and not generations.owes(place.tags)
        if is_true and time.time() < response.fresh_until:
            self._memory.put(place.key, response, place.tags)

    async def renew(self, tags: tuple[str, ...]) -> None:
        """From here on every answer made of one of these is untrue. Raises: StoreAwayError; it is tried again then."""
        if not self._store.exists:
            return  # nothing is kept
        try:
            await self._generations.renew(tags)
        finally:
            self._asked.clear()  # what was asked before the change is no answer to who asks after it

    async def renew_all(self) -> None:
        """Everything kept. Raises: StoreAwayError."""
        if tags := self._generations.known_tags:
            await self.renew(tags)

    async def claim(self, place: Place, generation: str, token: str, seconds: float) -> Claim:
        try:
            key = _claim_key(place, generation)
            holder = await self._store.run(_CLAIM, [key], [token, int(seconds * 1000)])
        except StoreAwayError:
            return Claim.NOBODYS
        if holder == token.encode():
            return Claim.OURS
        return Claim.NOBODYS if holder == _UNSTORABLE else Claim.THEIRS

    async def release(self, place: Place, generation: str, token: str, *, is_unstorable: bool) -> None:
        """`is_unstorable`: those who wait, and whoever comes in the next moment, had better go themselves."""
        try:
            arguments = [token, _UNSTORABLE if is_unstorable else "", _UNSTORABLE_SECONDS]
            await self._store.run(_RELEASE, [_claim_key(place, generation)], arguments)
        except StoreAwayError:
            metrics.count_cache(place.upstream, "away")


def _entry_key(identity: str, target: bytes) -> str:
    return f"gateway:cache:entry:{digest_of(identity, target)}"


def _claim_key(place: Place, generation: str) -> str:
    """Of a generation: nobody waits for an answer whose making began before the last change."""
    return f"gateway:cache:claim:{digest_of(*place.key)}:{generation}"


def _values(varying: tuple[bytes | None, ...]) -> list[bytes]:
    return [b"-" if value is None else b"+" + value for value in varying]


def _pack(response: StoredResponse) -> bytes:
    head: dict[str, Any] = {
        "kept": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in response.kept],
        "etag": response.etag.decode("latin-1"),
        "own": response.has_own_etag,
        "made": response.made_at,
        "life": response.lifetime,
        "stale": response.stale_seconds,
        "error": response.error_seconds,
        "generation": response.generation,
    }
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + response.body


def _unpack(blob: bytes) -> StoredResponse:
    head_line, _, body = blob.partition(b"\n")
    head = json.loads(head_line)
    return StoredResponse(
        kept=tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in head["kept"]),
        body=body,
        etag=head["etag"].encode("latin-1"),
        has_own_etag=head["own"],
        made_at=head["made"],
        lifetime=head["life"],
        stale_seconds=head["stale"],
        error_seconds=head["error"],
        generation=head["generation"],
    )
