"""The quota and the waiting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_service.sheets.domain.patience import RetryPolicy, TokenBucket


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 5), min_size=1, max_size=300))
def test_no_minute_ever_sees_more_than_a_burst_and_a_refill(gaps: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(50, clock)
    sent = []
    for gap in gaps:
        clock.now += gap
        sent.append(clock.now + bucket.reserve())
    for index, moment in enumerate(sent):
        assert sum(moment <= later < moment + 60 for later in sent[index:]) <= 101


def test_a_steady_flow_is_slowed_to_the_quota() -> None:
    clock = Clock()
    bucket = TokenBucket(50, clock)
    for _ in range(200):
        clock.now += bucket.reserve()
    assert clock.now == pytest.approx(180, rel=0.01)


def test_waits_grow_up_to_the_cap_and_never_undercut_what_is_asked() -> None:
    policy = RetryPolicy(cap_seconds=8, base_seconds=1)
    assert max(policy.wait_seconds(20) for _ in range(500)) <= 8
    assert max(policy.wait_seconds(1) for _ in range(500)) <= 2
    assert policy.wait_seconds(1, retry_after=30) == 30
