"""How often Google may be asked, and how long its refusals are borne."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class PatienceExhaustedError(Exception):
    """Waiting longer would pass the deadline."""


class StoppedError(Exception):
    """The job was taken away; nothing more is to be sent."""


@dataclass(frozen=True)
class RetryPolicy:
    """Full jitter. Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015)."""

    deadline_seconds: float = 300.0
    cap_seconds: float = 64.0
    base_seconds: float = 1.0

    def wait_seconds(self, attempt: int, retry_after: float | None = None) -> float:
        """`attempt` counts from 1; what the server asks for is never undercut."""
        ceiling = min(self.cap_seconds, self.base_seconds * 2**attempt)
        return max(random.uniform(0, ceiling), retry_after or 0.0)  # noqa: S311 -- spreads retries, no secret


class TokenBucket:
    """At most `per_minute` calls in any minute's stretch beyond the first burst; shared by the threads of a process."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._tokens = self._capacity
        self._updated_at = clock()
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Takes a token, perhaps one of the future; returns the seconds to wait before using it."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._capacity, self._tokens + (now - self._updated_at) * self._per_second)
            self._updated_at = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._per_second)
