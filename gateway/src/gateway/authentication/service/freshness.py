"""Answers kept for a few seconds: looked up again in the background when ageing, never used when old."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from shared.observability.logging import get_logger

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
_log = get_logger(__name__)

AGEING_SECONDS = 2.0
OLD_SECONDS = 4.0  # with the time a lookup takes, a revocation is effective within 5 seconds


class Unknown:
    """Stands for "not looked up lately", where None is an answer."""


UNKNOWN = Unknown()


class FreshCache(Generic[KeyT, ValueT]):
    """One lookup at a time per key; an answer's age counts from the moment its lookup began."""

    def __init__(self, load: Callable[[KeyT], Awaitable[ValueT]], capacity: int = 20_000) -> None:
        self._load = load
        self._capacity = capacity
        self._entries: dict[KeyT, tuple[float, ValueT]] = {}
        self._running: dict[KeyT, asyncio.Task[ValueT]] = {}

    def peek(self, key: KeyT) -> ValueT | Unknown:
        entry = self._entries.get(key)
        if entry is None:
            return UNKNOWN
        age = time.monotonic() - entry[0]
        if age >= OLD_SECONDS:
            return UNKNOWN
        if age >= AGEING_SECONDS and key not in self._running:
            self._start(key)
        return entry[1]

    async def get(self, key: KeyT) -> ValueT:
        known = self.peek(key)
        if not isinstance(known, Unknown):
            return known
        return await asyncio.shield(self._running.get(key) or self._start(key))

    def _start(self, key: KeyT) -> "asyncio.Task[ValueT]":
        task = asyncio.create_task(self._refresh(key))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        task.add_done_callback(_note_failure)
        return task

    async def _refresh(self, key: KeyT) -> ValueT:
        began = time.monotonic()
        value = await self._load(key)
        if key not in self._entries and len(self._entries) >= self._capacity:
            self._entries.pop(next(iter(self._entries)))
        self._entries[key] = (began, value)
        return value


def _note_failure(task: "asyncio.Task[ValueT]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("lookup_failed", error=repr(error))
