"""When to try again and when to stop asking: a retry budget and a breaker, both per provider."""

import time


class RetryBudget:
    """Retries may be at most a fifth of the calls of late, so that they never double an outage's load.

    Source: Envoy's retry budget (20 % of the active calls, at least three at a time).
    """

    def __init__(self, ratio: float = 0.2, minimum: float = 3.0) -> None:
        self._ratio = ratio
        self._minimum = minimum
        self._balance = minimum

    def earn(self) -> None:
        self._balance += self._ratio

    def spend(self) -> bool:
        self._balance = min(self._balance, 10 * self._minimum)
        if self._balance < 1.0:
            return False
        self._balance -= 1.0
        return True


class Breaker:
    """Opens after `threshold` failures in a row; after `rest_seconds` one call may try, and its outcome decides."""

    def __init__(self, threshold: int = 5, rest_seconds: float = 5.0) -> None:
        self._threshold = threshold
        self._rest_seconds = rest_seconds
        self._failures = 0
        self._retry_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._threshold

    def allows(self) -> bool:
        if not self.is_open:
            return True
        now = time.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + self._rest_seconds  # the one probe; others wait for its outcome
        return True

    @property
    def seconds_to_probe(self) -> int:
        return max(1, round(self._retry_at - time.monotonic()))

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self.is_open:
            self._retry_at = time.monotonic() + self._rest_seconds
