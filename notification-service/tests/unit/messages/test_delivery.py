"""The state machine: what becomes of a message after each answer."""

from datetime import UTC, datetime, timedelta

import pytest

from notification_service.messages.domain.channel import (
    Accepted,
    Failing,
    Lost,
    MarkupRefused,
    Moved,
    Refused,
    Throttled,
    Unreachable,
    Unusable,
)
from notification_service.messages.domain.delivery import Policy, Progress, next_step

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
POLICY = Policy(failures_limit=3, give_up_after=timedelta(hours=24))


def progress(**changes: object) -> Progress:
    values = {"due_since": NOW, "parts": 1, "parts_sent": 0, "failures": 0, "plain": False, "tries": 1}
    return Progress(**(values | changes))  # type: ignore[arg-type]


def test_the_last_accepted_part_makes_a_message_sent() -> None:
    step = next_step(progress(parts=2, parts_sent=1, failures=2), Accepted("17"), NOW, POLICY)
    assert (step.status, step.parts_sent) == ("sent", 2)


def test_an_earlier_accepted_part_puts_the_message_back_for_the_next_and_forgets_failures() -> None:
    step = next_step(progress(parts=3, failures=2, plain=True), Accepted("17"), NOW, POLICY)
    assert (step.status, step.parts_sent, step.failures, step.plain) == ("queued", 1, 0, True)


def test_a_refusal_is_final_and_tells_whether_the_address_is_dead() -> None:
    step = next_step(progress(), Refused("bot_blocked", "Blocked.", address_is_dead=True), NOW, POLICY)
    assert (step.status, step.code, step.dead_address) == ("failed", "bot_blocked", True)


def test_a_lost_answer_makes_a_message_uncertain_and_says_what_was_delivered() -> None:
    step = next_step(progress(parts=3, parts_sent=1), Lost("No answer."), NOW, POLICY)
    assert (step.status, step.code) == ("uncertain", "answer_lost")
    assert step.detail == "No answer. 1 of 3 parts were delivered."


def test_refused_markup_is_tried_once_as_plain_text() -> None:
    again = next_step(progress(), MarkupRefused("Bad tag."), NOW, POLICY)
    assert (again.status, again.plain, again.pause_seconds) == ("queued", True, 0.0)
    assert next_step(progress(plain=True), MarkupRefused("Bad tag."), NOW, POLICY).status == "failed"


def test_a_throttled_message_waits_as_told_and_no_failure_is_counted() -> None:
    step = next_step(progress(failures=1), Throttled(37.0), NOW, POLICY)
    assert (step.status, step.pause_seconds, step.failures) == ("queued", 37.0, 1)


def test_a_moved_chat_is_followed_but_not_for_ever() -> None:
    assert next_step(progress(), Moved("-1001"), NOW, POLICY).new_address == "-1001"
    tired = next_step(progress(tries=5), Moved("-1002"), NOW, POLICY)
    assert (tired.status, tired.dead_address) == ("failed", True)


def test_refused_credentials_cost_the_message_nothing() -> None:
    step = next_step(progress(failures=2, due_since=NOW - timedelta(days=9)), Unusable("Token."), NOW, POLICY)
    assert (step.status, step.failures, step.code) == ("queued", 2, "channel_unusable")


def test_pauses_after_failures_double_up_to_five_minutes() -> None:
    pauses = [
        next_step(progress(failures=n), Unreachable("Away."), NOW, POLICY).pause_seconds for n in (0, 1, 2, 8, 99)
    ]
    assert pauses == [1.0, 2.0, 4.0, 256.0, 300.0]


def test_a_failing_channel_gets_a_limited_number_of_tries() -> None:
    assert next_step(progress(failures=1), Failing("502."), NOW, POLICY).status == "queued"
    last = next_step(progress(failures=2), Failing("502."), NOW, POLICY)
    assert (last.status, last.code, last.detail) == ("failed", "channel_failing", "502. It failed 3 times.")


@pytest.mark.parametrize("outcome", [Unreachable("Away."), Failing("502.")])
def test_a_message_that_is_too_old_is_given_up(outcome: Unreachable | Failing) -> None:
    old = progress(due_since=NOW - timedelta(hours=24))
    assert next_step(old, outcome, NOW, POLICY).code == "too_late"


def test_an_unreachable_channel_is_tried_until_the_message_is_too_old() -> None:
    step = next_step(progress(failures=500), Unreachable("Away."), NOW, POLICY)
    assert (step.status, step.failures) == ("queued", 501)
