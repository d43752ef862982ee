"""The counters in a real Valkey: never more than a limit, whoever asks, however fast, from however many processes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from gateway.access.adapters import load_routes
from gateway.authentication.domain import Principal
from gateway.proxy.adapters.limit_script import DECIDE, LEASE_FROM, LEASE_SHARE
from gateway.proxy.adapters.limiter import Account, RateLimiter
from gateway.proxy.adapters.store import SharedStore
from gateway.proxy.domain.gcra import Limit
from gateway.proxy.service.admission import Admission, AdmissionRules
from local.infrastructure.valkey import start_valkey

HOUR = 3600


@pytest.fixture
async def replica(redis_url: str) -> AsyncIterator[Callable[[], RateLimiter]]:
    """`replica()`: the limiter of one process, with connections of its own."""
    async with AsyncExitStack() as stack:

        def start() -> RateLimiter:
            client = Redis.from_url(redis_url, max_connections=64)
            stack.push_async_callback(client.aclose)
            return RateLimiter(SharedStore(client, 10.0))

        yield start


def account(*limits: Limit, strict: bool = False) -> Account:
    return Account(limits, strict=strict)


async def passed(limiter: RateLimiter, of: Account, asks: int, parallel: int = 20, pause: float = 0.0) -> int:
    """How many of the asks were allowed; `pause` in seconds after every 50."""
    allowed = 0

    async def work() -> None:
        nonlocal allowed
        for number in range(asks // parallel):
            verdict = await limiter.check(of)
            allowed += verdict.allowed
            if pause and number % 50 == 49:
                await asyncio.sleep(pause)

    await asyncio.gather(*(work() for _ in range(parallel)))
    return allowed


@pytest.mark.parametrize(("requests", "slack"), [(100, 0), (1000, 2), (5000, 2)])
async def test_three_processes_together_never_pass_more_than_the_limit(requests: int, slack: int, replica: Any) -> None:
    limit = Limit("k", "read", requests, 100 * HOUR)
    began = time.monotonic()
    totals = await asyncio.gather(
        *(passed(replica(), account(limit), requests, pause=pause) for pause in (0.0, 0.02, 0.13))
    )
    restored = (time.monotonic() - began) * requests / (100 * HOUR)
    assert restored < 1
    assert requests - slack - 3 * requests // LEASE_SHARE <= sum(totals) <= requests + 1
    if requests < LEASE_FROM:
        assert sum(totals) == requests


async def test_a_busy_caller_is_granted_permits_in_advance(replica: Any, redis_url: str) -> None:
    limiter, busy = replica(), account(Limit("k", "read", 100_000, 60))
    with BlockingRedis.from_url(redis_url) as client:
        client.config_resetstat()
        await passed(limiter, busy, 4000)
        calls = client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    assert 0 < calls < 2000


async def test_permits_nobody_used_are_given_back(replica: Any) -> None:
    limiter, idle, limit = replica(), None, Limit("k", "read", 1000, 100 * HOUR)
    idle = account(limit)
    used = await passed(limiter, idle, 40)
    assert idle.permits > 0
    await asyncio.sleep(0.15)
    used += (await limiter.check(idle)).allowed
    other = account(limit)
    rest = await passed(replica(), other, 1200)
    assert 1000 - 1 <= used + rest + idle.permits + other.permits <= 1001


async def test_permits_given_back_late_are_not_restored_twice(replica: Any, redis_url: str) -> None:
    """What has drained by time already is full again; giving it back once more would let more than the limit pass."""
    limiter, limit = replica(), Limit("k", "read", 10_000, 30)
    idle = account(limit)
    assert await passed(limiter, idle, 200, parallel=200) == 200
    assert idle.permits > 100
    await asyncio.sleep(1.3)
    began = time.monotonic()
    with BlockingRedis.from_url(redis_url) as other:
        burst = other.eval(DECIDE.text, 1, limit.key, 20_000, 0, 0, 0, 1, limit.requests, limit.seconds, 0)[0]
    late = await passed(limiter, idle, 200, parallel=200)
    restored = (time.monotonic() - began) * limit.requests / limit.seconds
    assert 10_000 <= burst + late <= 10_000 + restored + 1


async def test_strict_accounts_are_never_granted_anything_in_advance(replica: Any) -> None:
    limiter, login = replica(), account(Limit("k", "login", 10_000, HOUR), strict=True)
    for _ in range(200):
        assert (await limiter.check(login)).allowed
        assert login.permits == 0


async def test_a_quota_and_a_rate_hold_together_and_the_tighter_is_named(replica: Any) -> None:
    rate, quota = Limit("r", "read", 50, HOUR), Limit("q:1", "daily", 20, 86_400, quota=True)
    limiter, both = replica(), account(rate, quota)
    first = await limiter.check(both)
    assert (first.policy, first.remaining) == ("daily", 19)
    assert first.reset_seconds <= 86_400
    assert await passed(limiter, both, 100) == 19
    refused = await limiter.check(both)
    assert (refused.allowed, refused.policy) == (False, "daily")
    assert refused.reset_seconds == pytest.approx(86_400 - time.time() % 86_400, abs=5)
    assert (await limiter.check(account(rate))).remaining == 29  # what the quota refused was not charged
    tomorrow = account(rate, Limit("q:2", "daily", 20, 86_400, quota=True))
    assert (await limiter.check(tomorrow)).policy == "daily"
    assert await passed(limiter, tomorrow, 100) == 19


async def test_at_midnight_a_key_begins_a_new_quota(replica: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table, limiter = load_routes(), replica()
    admission = Admission(table, AdmissionRules(0, frozenset(), 1, 1), None, limiter)  # type: ignore[arg-type]
    key = Principal("u", "api_key", "key", frozenset({"buyer"}), "key-1", daily_quota=3)
    route = table.match(b"/api/v1/data/sales")
    assert route is not None

    async def ask(now: float) -> bool:
        monkeypatch.setattr(time, "time", lambda: now)
        of = admission.account_of(route.permissions["GET"], key, "127.0.0.1")
        monkeypatch.undo()
        assert of is not None
        return (await limiter.check(of)).allowed

    midnight = 86_400.0 * 20_000
    assert [await ask(midnight - 1) for _ in range(4)] == [True] * 3 + [False]
    assert [await ask(midnight + 1) for _ in range(4)] == [True] * 3 + [False]


async def test_redis_may_leave_in_the_middle(tmp_path: Path) -> None:
    limit = Limit("k", "read", 400, 100 * HOUR)
    with ExitStack() as stack:
        server = stack.enter_context(start_valkey(tmp_path, durable=False))
        client = Redis.from_url(server.url)
        limiter = RateLimiter(SharedStore(client, 0.2))
        mine = account(limit)
        before = await passed(limiter, mine, 100)
        asking = asyncio.create_task(passed(limiter, mine, 1000, pause=0.01))
        await asyncio.sleep(0.02)
        await asyncio.to_thread(stack.close)
    began = time.monotonic()
    during = await asking
    await client.aclose()
    assert time.monotonic() - began < 5
    assert before == 100
    assert 300 <= during <= 400 + 300  # at most what Redis still gave, and this process's own count


limits_of_a_caller = st.lists(
    st.tuples(st.integers(1, 1000), st.booleans(), st.integers(0, 3)), min_size=1, max_size=3, unique_by=lambda x: x[2]
)
asks_of_a_caller = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 30), limits_of_a_caller)


@pytest.fixture(scope="module")
def blocking(valkey_server: Any) -> Iterator[Any]:
    with BlockingRedis.from_url(valkey_server.url) as client:
        yield client


class Ledger:
    """The same promise as plain bookkeeping, for windows so long that nothing is restored meanwhile."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def decide(self, wanted: int, wished: int, refund: int, limits: list[tuple[str, int]]) -> tuple[int, int, int, int]:
        for key, _ in limits:
            self.used[key] = max(self.used.get(key, 0) - refund, 0)
        rooms = [requests - self.used[key] for key, requests in limits]
        room = max(min(rooms), 0)
        granted = min(wanted, room)
        leased = min(wished, (room - granted) // LEASE_SHARE) if room >= LEASE_FROM else 0
        for key, _ in limits:
            self.used[key] += granted + leased
        return granted, leased, rooms.index(min(rooms)) + 1, room - granted


@settings(max_examples=60, deadline=None)
@given(asks=st.lists(asks_of_a_caller, min_size=1, max_size=12))
def test_the_script_decides_as_a_plain_ledger_does(blocking: Any, asks: list[Any]) -> None:
    run = f"{time.monotonic_ns()}"
    ledger, keys, arguments, expected = Ledger(), [], [], []
    for wanted, wished, refund, given_limits in asks:
        limits = [(f"{run}:{requests}:{int(quota)}:{name}", requests) for requests, quota, name in given_limits]
        keys += [key for key, _ in limits]
        arguments += [wanted, wished, refund, 0, len(limits)]
        for requests, quota, _ in given_limits:
            arguments += [requests, 10_000 * HOUR, int(quota)]
        expected += ledger.decide(wanted, wished, refund, limits)
    answers = blocking.eval(DECIDE.text, len(keys), *keys, *arguments)
    told = [answer for position, answer in enumerate(answers) if position % 5 != 4]
    assert told == expected
    assert all(answer >= 0 for answer in answers)
