"""Responses kept in Redis for a few seconds, for one caller each; a write to the service makes them forgotten."""

import json
import time

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.store import Script, SharedStore, StoreAwayError
from gateway.proxy.domain.caching import StoredResponse

# A write raises the service's generation; what was kept under an older one is never found again and expires.
_FIND = Script("""
local generation = redis.call('GET', KEYS[1]) or '0'
return {generation, redis.call('GET', KEYS[2] .. ':' .. generation)}
""")
_KEEP = Script("redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])")
_FORGET = Script("redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], 86400)")


class ResponseCache:
    def __init__(self, store: SharedStore) -> None:
        self._store = store

    async def find(self, upstream: str, key: str) -> tuple[str | None, StoredResponse | None]:
        """The generation to store under (None: do not store), and the response when it is kept."""
        try:
            generation, blob = await self._store.run(_FIND, [_generation_key(upstream), _key(upstream, key)], [])
        except StoreAwayError:
            metrics.CACHE_REQUESTS.labels("away").inc()
            return None, None
        metrics.CACHE_REQUESTS.labels("miss" if blob is None else "hit").inc()
        return generation.decode(), None if blob is None else _unpack(blob)

    async def keep(self, upstream: str, key: str, generation: str, response: StoredResponse, seconds: int) -> None:
        try:
            await self._store.run(_KEEP, [f"{_key(upstream, key)}:{generation}"], [_pack(response), seconds * 1000])
        except StoreAwayError:
            metrics.CACHE_REQUESTS.labels("away").inc()

    async def forget(self, upstream: str) -> None:
        """Everything kept from this service; without Redis the answers kept there run out by themselves."""
        try:
            await self._store.run(_FORGET, [_generation_key(upstream)], [])
        except StoreAwayError:
            metrics.CACHE_REQUESTS.labels("away").inc()


def _generation_key(upstream: str) -> str:
    return f"gateway:cache:{upstream}:generation"


def _key(upstream: str, key: str) -> str:
    return f"gateway:cache:{upstream}:{key}"


def _pack(response: StoredResponse) -> bytes:
    head = {
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in response.headers],
        "etag": response.etag.decode("latin-1"),
        "stored_at": response.stored_at,
    }
    return json.dumps(head).encode() + b"\n" + response.body


def _unpack(blob: bytes) -> StoredResponse:
    head_line, _, body = blob.partition(b"\n")
    head = json.loads(head_line)
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in head["headers"])
    return StoredResponse(headers, body, head["etag"].encode("latin-1"), head["stored_at"])


def age_of(response: StoredResponse) -> int:
    return max(0, int(time.time() - response.stored_at))
