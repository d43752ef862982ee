"""Redis with a short patience: once it is late or away, nobody waits for it again for a second."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from shared.observability.logging import get_logger

_REST_SECONDS = 1.0
_MAX_CALLS = 32  # at once; below the connections of the pool, which refuses rather than waits
_MAX_EXTENSIONS = 20
ResultT = TypeVar("ResultT")
_log = get_logger(__name__)


class StoreAwayError(Exception):
    """The shared store does not answer in time; go on without it."""


class SharedStore:
    def __init__(self, redis: "Redis | None", timeout_seconds: float) -> None:
        self._redis = redis
        self._timeout_seconds = timeout_seconds
        self._away_until = float("inf") if redis is None else 0.0
        self._places = asyncio.Semaphore(_MAX_CALLS)

    @property
    def exists(self) -> bool:
        return self._redis is not None

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    async def run(self, script: "Script", keys: list[str], arguments: list[Any]) -> Any:
        """One round trip. Raises: StoreAwayError."""
        async with self._places:
            redis = self._redis
            if redis is None or self.is_away:
                raise StoreAwayError
            try:
                try:
                    return await self._in_time(redis.evalsha(script.digest, len(keys), *keys, *arguments))
                except NoScriptError:
                    return await self._in_time(redis.eval(script.text, len(keys), *keys, *arguments))
            except (RedisError, OSError, TimeoutError) as error:
                self._away_until = time.monotonic() + _REST_SECONDS
                _log.warning("shared_store_away", error=repr(error))
                raise StoreAwayError from error

    async def _in_time(self, answer: Awaitable[ResultT]) -> ResultT:
        async with asyncio.timeout(None) as patience:
            timer = _Timer(patience, self._timeout_seconds)
            try:
                return await answer
            finally:
                timer.cancel()


class _Timer:
    """Ends the patience, but not while this very process was too busy to look whether the answer is there."""

    def __init__(self, patience: asyncio.Timeout, seconds: float) -> None:
        self._patience = patience
        self._seconds = seconds
        self._extensions = 0
        self._arm()

    def _arm(self) -> None:
        self._due = time.monotonic() + self._seconds
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._fire)

    def _fire(self) -> None:
        is_late = time.monotonic() - self._due > self._seconds / 4
        if is_late and self._extensions < _MAX_EXTENSIONS:
            self._extensions += 1
            self._arm()
        else:
            self._patience.reschedule(asyncio.get_running_loop().time())

    def cancel(self) -> None:
        self._handle.cancel()


class Script:
    """A Lua script and the digest Redis knows it by."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
