"""Answers in this process's own memory, in front of Redis: bounded by bytes and number, least recently used out."""

from collections import OrderedDict
from collections.abc import Set as AbstractSet

from gateway.proxy.adapters import metrics
from gateway.proxy.domain.caching import CacheKey, StoredResponse


class MemoryLayer:
    def __init__(self, max_bytes: int, max_entries: int = 20_000) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._entries: OrderedDict[CacheKey, tuple[StoredResponse, tuple[str, ...]]] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey) -> StoredResponse | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: CacheKey, response: StoredResponse, tags: tuple[str, ...]) -> None:
        """One that would take more than a tenth of the room is not taken in."""
        self.remove(key)
        if response.size * 10 > self._max_bytes:
            return
        self._entries[key] = (response, tags)
        self._resize(response.size)
        while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
            _, (oldest, _) = self._entries.popitem(last=False)
            self._resize(-oldest.size)

    def remove(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._resize(-entry[0].size)

    def drop(self, tags: AbstractSet[str]) -> None:
        """Everything made of one of these."""
        for key in [key for key, (_, made_of) in self._entries.items() if not tags.isdisjoint(made_of)]:
            self.remove(key)

    def _resize(self, by: int) -> None:
        self._bytes += by
        metrics.CACHE_MEMORY.inc(by)
