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
ResultT = TypeVar("ResultT")
_log = get_logger(__name__)


class StoreAwayError(Exception):
    """The shared store does not answer in time; go on without it."""


class SharedStore:
    def __init__(self, redis: "Redis | None", timeout_seconds: float) -> None:
        self._redis = redis
        self._timeout_seconds = timeout_seconds
        self._away_until = float("inf") if redis is None else 0.0

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    async def run(self, script: "Script", keys: list[str], arguments: list[Any]) -> Any:
        """One round trip. Raises: StoreAwayError."""
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
        async with asyncio.timeout(self._timeout_seconds):
            return await answer


class Script:
    """A Lua script and the digest Redis knows it by."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
