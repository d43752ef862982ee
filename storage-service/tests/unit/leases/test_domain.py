"""Leases: progress only grows, retries wait longer each time."""

from uuid import uuid4

import pytest

from storage_service.leases.domain import Lease, LeasePolicy


def test_progress_never_falls_and_stays_a_fraction() -> None:
    lease = Lease(uuid4(), uuid4(), 1)
    for reported, expected in ((0.3, 0.3), (0.2, 0.3), (7.0, 1.0), (0.5, 1.0)):
        lease.report(reported)
        assert lease.progress == expected


def test_each_retry_waits_longer() -> None:
    policy = LeasePolicy()
    delays = [policy.retry_delay_seconds(attempt) for attempt in (1, 2, 3)]
    assert delays == sorted(set(delays))


@pytest.mark.parametrize("seconds", [1.0, 3.0, 30.0, 600.0])
def test_a_lease_survives_two_missed_renewals(seconds: float) -> None:
    assert LeasePolicy(seconds=seconds).renewal_seconds * 3 <= seconds + 1e-9
