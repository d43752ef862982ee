"""The generic cell rate algorithm: one number per key says when its use so far will have drained away.

Source: ATM Forum Traffic Management 4.0, section 4.4.2 (virtual scheduling), with the burst as tolerance.
"""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` at once, and as many again over `seconds`; `policy` names it in the answer's headers.

    A `quota` is the other kind: so many in the period its key names, none given back before the period ends.
    """

    key: str
    policy: str
    requests: int
    seconds: int
    quota: bool = False


@dataclass(slots=True)
class Verdict:
    """The tightest of the limits checked. Seconds until all is restored, or, when refused, until the next try."""

    allowed: bool
    policy: str
    requests: int
    seconds: int
    remaining: int
    reset_seconds: float
    _lines: list[tuple[bytes, bytes]] | None = field(default=None, init=False, compare=False, repr=False)
    _block: bytes | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def lines(self) -> list[tuple[bytes, bytes]]:
        """As headers, rendered once. Source: draft-ietf-httpapi-ratelimit-headers-11."""
        if self._lines is None:
            name, reset = self.policy.encode(), math.ceil(self.reset_seconds)
            self._lines = [
                (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (name, self.requests, self.seconds)),
                (b"ratelimit", b'"%s";r=%d;t=%d' % (name, self.remaining, reset)),
            ]
        return self._lines

    @property
    def block(self) -> bytes:
        """The same, as they stand in an answer."""
        if self._block is None:
            self._block = b"".join([b"%b: %b\r\n" % line for line in self.lines])
        return self._block


class LocalCounters:
    """The same arithmetic in this process, for when the shared counters are away; a quota counts as a slow limit."""

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
