"""The counting, against a simple account of what was given out when."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.domain.gcra import Limit, LocalCounters

LIMIT = Limit("k", "read", 5, 10)


def test_as_many_as_allowed_pass_at_once_and_then_one_each_step() -> None:
    counters = LocalCounters()
    assert [counters.check((LIMIT,), 100.0).allowed for _ in range(6)] == [True] * 5 + [False]
    assert not counters.check((LIMIT,), 101.9).allowed
    assert counters.check((LIMIT,), 102.0).allowed
    assert not counters.check((LIMIT,), 102.0).allowed


def test_a_verdict_says_what_is_left_and_when_it_comes_back() -> None:
    counters = LocalCounters()
    first = counters.check((LIMIT,), 0.0)
    assert (first.remaining, first.reset_seconds) == (4, 2.0)
    for _ in range(4):
        last = counters.check((LIMIT,), 0.0)
    assert (last.remaining, last.reset_seconds) == (0, 10.0)
    refused = counters.check((LIMIT,), 0.5)
    assert (refused.allowed, refused.remaining, refused.reset_seconds) == (False, 0, 1.5)


def test_a_refusal_by_one_limit_charges_none_of_them() -> None:
    counters = LocalCounters()
    narrow = Limit("narrow", "write", 1, 10)
    assert counters.check((LIMIT, narrow), 0.0).allowed
    assert [counters.check((LIMIT, narrow), 0.0).allowed for _ in range(20)] == [False] * 20
    assert counters.check((LIMIT,), 0.0).remaining == 3


def test_the_tightest_limit_is_the_one_reported() -> None:
    verdict = LocalCounters().check((LIMIT, Limit("b", "narrow", 2, 60)), 0.0)
    assert (verdict.policy, verdict.remaining) == ("narrow", 1)


def test_a_share_gives_out_that_part_and_never_less_than_one() -> None:
    counters = LocalCounters()
    wide = Limit("w", "login", 30, 60)
    assert [counters.check((wide,), 0.0, 0.1).allowed for _ in range(4)] == [True] * 3 + [False]
    assert counters.check((LIMIT,), 0.0, 0.01).allowed


@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=60),
    st.integers(1, 8),
    st.integers(1, 20),
)
def test_no_window_ever_sees_more_than_the_burst_and_what_was_restored(
    pauses: list[float], requests: int, seconds: int
) -> None:
    counters, now, passed = LocalCounters(), 1000.0, []
    limit = Limit("k", "p", requests, seconds)
    for pause in pauses:
        now += pause
        if counters.check((limit,), now).allowed:
            passed.append(now)
    for start in range(len(passed)):
        for end in range(start, len(passed)):
            restored = (passed[end] - passed[start]) * requests / seconds
            assert end - start + 1 <= requests + restored + 1e-6


def test_the_table_of_callers_stays_bounded() -> None:
    counters = LocalCounters(capacity=100)
    for number in range(1000):
        counters.check((Limit(f"k{number}", "p", 5, 10),), float(number) / 1000)
    assert len(counters._due) <= 100
