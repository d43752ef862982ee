"""Rate limits counted in Redis: one script call for all callers that wait while the last call is under way.

The count is exact across processes, by Redis' own clock. A caller who asks very often, and is far from a limit, is
granted a small share of what remains in advance, so that not every request needs an answer from Redis; nothing is ever
granted twice, and near a limit nothing is granted in advance. Redis away or late: each process counts alone.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.limit_script import DECIDE
from gateway.proxy.adapters.store import SharedStore, StoreAwayError
from gateway.proxy.domain.gcra import Limit, LocalCounters, Verdict

_MAX_BATCH = 200
_MAX_CALLS = 2
_STRICT_SHARE = 0.1
_LEASE_SECONDS = 0.1
_MAX_LEASE = 512
_FIELDS = 5

Told = Callable[[Verdict], None]
_SHARED_ALLOWED = metrics.LIMIT_DECISIONS.labels("allowed", "shared")
_SHARED_REFUSED = metrics.LIMIT_DECISIONS.labels("refused", "shared")
_LOCAL_ALLOWED = metrics.LIMIT_DECISIONS.labels("allowed", "local")
_LOCAL_REFUSED = metrics.LIMIT_DECISIONS.labels("refused", "local")


class Account:
    """One caller's limits, and what was granted to them in advance. `strict`: see `RateLimiter.check`."""

    __slots__ = (
        "expires_at",
        "granted_at",
        "leased",
        "leased_at",
        "limits",
        "low",
        "permits",
        "queued",
        "strict",
        "used",
        "verdict",
        "waiting",
    )

    def __init__(self, limits: tuple[Limit, ...], *, strict: bool) -> None:
        self.limits = limits
        self.strict = strict
        self.permits = 0
        self.leased = 0
        self.leased_at = 0.0
        self.low = 0
        self.used = 0
        self.granted_at = 0.0
        self.expires_at = 0.0
        self.queued = False
        self.verdict: Verdict | None = None
        self.waiting: list[Told] = []


class RateLimiter:
    def __init__(self, store: SharedStore) -> None:
        self._store = store
        self._local = LocalCounters()
        self._queue: list[Account] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def take(self, account: Account) -> Verdict | None:
        """The verdict when it is known without asking; None: `ask`."""
        if account.permits:
            if time.monotonic() < account.expires_at:
                account.permits -= 1
                account.used += 1
                if account.permits == account.low and not account.queued:
                    self._enqueue(account)
                return account.verdict
        elif self._store.is_away:
            return self._alone(account)
        return None

    def ask(self, account: Account, told: Told) -> None:
        """`told` is called with the verdict, soon."""
        account.waiting.append(told)
        if not account.queued:
            self._enqueue(account)

    async def check(self, account: Account) -> Verdict:
        """Without the shared counters only a tenth of each limit of a strict account is given out."""
        known = self.take(account)
        if known is not None:
            return known
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

        def told(verdict: Verdict) -> None:
            if not future.done():
                future.set_result(verdict)

        self.ask(account, told)
        return await future

    def _enqueue(self, account: Account) -> None:
        account.queued = True
        self._queue.append(account)
        if not self._scheduled and len(self._calls) < _MAX_CALLS:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start_call)

    def _start_call(self) -> None:
        self._scheduled = False
        batch, self._queue = self._queue[:_MAX_BATCH], self._queue[_MAX_BATCH:]
        if not batch:
            return
        call = asyncio.create_task(self._decide(batch))
        self._calls.add(call)
        call.add_done_callback(self._end_call)

    def _end_call(self, call: "asyncio.Task[None]") -> None:
        self._calls.discard(call)
        if self._queue and not self._scheduled:
            self._start_call()

    async def _decide(self, batch: Sequence[Account]) -> None:
        asked, keys, arguments = [], list[str](), list[int]()
        now = time.monotonic()
        for account in batch:
            account.queued = False
            waiting, account.waiting = account.waiting, []
            asked.append(waiting)
            arguments += (len(waiting), _wish(account, len(waiting), now), *_refund(account, now), len(account.limits))
            for limit in account.limits:
                keys.append(limit.key)
                arguments += (limit.requests, limit.seconds, int(limit.quota))
        try:
            answers: list[int] = await self._store.run(DECIDE, keys, arguments)
        except StoreAwayError:
            for account, waiting in zip(batch, asked, strict=True):
                for told in waiting:
                    told(self._alone(account))
            return
        metrics.LIMIT_BATCHES.inc()
        for position, (account, waiting) in enumerate(zip(batch, asked, strict=True)):
            _settle(account, waiting, answers[position * _FIELDS : (position + 1) * _FIELDS], now)

    def _alone(self, account: Account) -> Verdict:
        verdict = self._local.check(account.limits, time.monotonic(), _STRICT_SHARE if account.strict else 1.0)
        (_LOCAL_ALLOWED if verdict.allowed else _LOCAL_REFUSED).inc()
        return verdict


def _wish(account: Account, waiting: int, now: float) -> int:
    """What the caller will need until a lease ends, judged by the time since the last one."""
    elapsed = now - account.granted_at
    used, account.used = account.used + waiting, 0
    if account.strict or elapsed > _LEASE_SECONDS:
        return 0 if waiting < 2 else waiting
    return min(_MAX_LEASE, int(used / max(elapsed, 0.001) * _LEASE_SECONDS))


def _refund(account: Account, now: float) -> tuple[int, int]:
    """Permits that nobody used in time, given back with the next question, and microseconds since they were granted."""
    if not account.permits or now < account.expires_at:
        return 0, 0
    unused, account.permits = min(account.permits, account.leased), 0
    return unused, int((now - account.leased_at) * 1e6)


def _settle(account: Account, waiting: Sequence[Told], answer: Sequence[int], asked_at: float) -> None:
    granted, leased, decider, remaining, reset = answer
    limit = account.limits[decider - 1]
    allowed = Verdict(True, limit.policy, limit.requests, limit.seconds, remaining, reset / 1e6)
    account.granted_at = time.monotonic()
    if leased:
        account.permits += leased
        account.leased, account.leased_at = leased, asked_at
        account.low = account.permits // 4
        account.expires_at = account.granted_at + _LEASE_SECONDS
    account.verdict = allowed
    _SHARED_ALLOWED.inc(granted + leased)
    for told in waiting[:granted]:
        told(allowed)
    if granted < len(waiting):
        refused = Verdict(False, limit.policy, limit.requests, limit.seconds, 0, reset / 1e6)
        _SHARED_REFUSED.inc(len(waiting) - granted)
        for told in waiting[granted:]:
            told(refused)
