"""The generic cell rate algorithm: one number per key says when its use so far will have drained away.

Source: ATM Forum Traffic Management 4.0, section 4.4.2 (virtual scheduling), with the burst as tolerance.
"""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` at once, and as many again over `seconds`; `policy` names it in the answer's headers."""

    key: str
    policy: str
    requests: int
    seconds: int


class Verdict(NamedTuple):
    """The tightest of the limits checked. Seconds until all is restored, or, when refused, until the next try."""

    allowed: bool
    policy: str
    requests: int
    seconds: int
    remaining: int
    reset_seconds: float


class LocalCounters:
    """The same arithmetic in this process, for when the shared counters are away."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._due: dict[str, float] = {}

    def check(self, limits: tuple[Limit, ...], now: float, share: float = 1.0) -> Verdict:
        """All limits are charged or none. `share` of each limit is given out (0.1: a tenth)."""
        tightest: Verdict | None = None
        charged: dict[str, float] = {}
        for limit in limits:
            requests = max(1, int(limit.requests * share))
            step = limit.seconds / requests
            due = max(self._due.get(limit.key, 0.0), now) + step
            spare = now + limit.seconds - due
            if spare < -1e-9:
                return Verdict(False, limit.policy, requests, limit.seconds, 0, -spare)
            charged[limit.key] = due
            remaining = int(spare / step + 1e-9)
            if tightest is None or remaining < tightest.remaining:
                tightest = Verdict(True, limit.policy, requests, limit.seconds, remaining, due - now)
        if tightest is None:
            raise ValueError("no limits given")
        self._store(charged, now)
        return tightest

    def _store(self, charged: dict[str, float], now: float) -> None:
        self._due.update(charged)
        if len(self._due) > self._capacity:
            self._due = {key: due for key, due in self._due.items() if due > now}
        while len(self._due) > self._capacity:
            self._due.pop(next(iter(self._due)))
