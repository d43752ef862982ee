"""How long a crashed service has to wait."""

from local.supervisor import Backoff


def test_each_crash_doubles_the_wait_up_to_the_longest() -> None:
    backoff = Backoff(first_seconds=0.5, longest_seconds=30)
    assert [backoff.delay(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_the_wait_stays_finite_after_thousands_of_crashes() -> None:
    assert Backoff().delay(100_000) == 30
