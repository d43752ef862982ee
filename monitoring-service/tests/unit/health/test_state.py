from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring_service.health.domain.state import Outcome, Status, TargetState, Thresholds, advance
from monitoring_service.health.domain.targets import Kind, Target

TARGET = Target("data-service", Kind.HTTP, "http://data-service:8000/health/ready")
START = datetime(2026, 11, 1, tzinfo=UTC)
THRESHOLDS = Thresholds(failures=3, successes=2)


def run(answers: str) -> list[TargetState]:
    """u = up, d = degraded, x = no answer; one a minute."""
    states: list[TargetState] = []
    state = None
    for minute, answer in enumerate(answers):
        outcome = Outcome(TARGET, ok=answer != "x", latency_seconds=0.01, degraded=answer == "d")
        state = advance(state, outcome, START + timedelta(minutes=minute), THRESHOLDS)
        states.append(state)
    return states


def statuses(answers: str) -> str:
    letters = {Status.UP: "u", Status.DEGRADED: "d", Status.DOWN: "x", Status.UNKNOWN: "?"}
    return "".join(letters[state.status] for state in run(answers))


def test_a_target_is_down_only_after_the_threshold_of_failures_in_a_row() -> None:
    assert statuses("uxxuxxx") == "uuuuuux"


def test_a_target_is_up_again_only_after_the_threshold_of_successes_in_a_row() -> None:
    assert statuses("xxxuxuu") == "??xxxxu"


def test_a_target_that_never_answered_is_unknown_until_it_counts_as_down() -> None:
    assert statuses("xx") == "??"


def test_one_degraded_answer_shows_at_once_and_is_no_outage() -> None:
    assert statuses("uddu") == "uddu"


def test_since_moves_only_with_the_status_and_the_status_before_is_kept() -> None:
    last = run("uuuxxxx")[-1]
    assert last.since == START + timedelta(minutes=5)
    assert last.previous_status is Status.UP
    assert last.checked_at == START + timedelta(minutes=6)


def test_a_failing_target_has_no_latency() -> None:
    assert run("ux")[-1].latency_seconds is None


@given(st.text(alphabet="udx", min_size=1, max_size=60))
def test_the_status_changes_exactly_when_a_threshold_is_met(answers: str) -> None:
    for before, after, seen in zip([None, *run(answers)], run(answers), answers, strict=False):
        assert (after.failures > 0) == (seen == "x")
        assert not (after.failures and after.successes)
        if after.failures >= THRESHOLDS.failures:
            assert after.status is Status.DOWN
        if before is not None and before.status is not after.status:
            assert after.since == after.checked_at
        if before is not None and before.status is after.status:
            assert after.since == before.since
        if after.status is Status.DOWN and before is not None and before.status is not Status.DOWN:
            assert after.failures == THRESHOLDS.failures


def test_a_state_read_back_goes_on_where_it_stopped() -> None:
    state = run("uxx")[-1]
    outcome = Outcome(TARGET, ok=False, latency_seconds=1.0, error="refused")
    after = advance(replace(state), outcome, START + timedelta(hours=1), THRESHOLDS)
    assert after.status is Status.DOWN
    assert after.error == "refused"
