"""The state machine of a message: what becomes of it after each answer of its channel.

queued -> sending -> sent | failed | uncertain
-> queued   (next part, throttled, unreachable, channel failing, markup refused, chat moved)
sending -> uncertain          (its sender died before the answer was recorded)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from notification_service.messages.domain.channel import (
    Accepted,
    Failing,
    Lost,
    MarkupRefused,
    Moved,
    Outcome,
    Refused,
    Throttled,
    Unreachable,
    Unusable,
)

Status = Literal["queued", "sending", "sent", "failed", "uncertain"]
STATUSES: tuple[Status, ...] = get_args(Status)
_LONGEST_PAUSE_SECONDS = 300.0
_MAX_MOVES = 3


@dataclass(frozen=True)
class Policy:
    """When to stop trying: after so many failures on the channel's side, or when the message has become too old."""

    failures_limit: int
    give_up_after: timedelta


@dataclass(frozen=True)
class Progress:
    """A message in the hands of the sender; `failures` counts answers that were a failure on the channel's side."""

    due_since: datetime
    parts: int
    parts_sent: int
    failures: int
    plain: bool
    tries: int


@dataclass(frozen=True)
class Step:
    """What to record. `code` is a stable name of what happened, `detail` the words for people."""

    status: Status
    code: str
    detail: str | None = None
    pause_seconds: float = 0.0
    parts_sent: int = 0
    failures: int = 0
    plain: bool = False
    new_address: str | None = None
    dead_address: bool = False


def next_step(progress: Progress, outcome: Outcome, now: datetime, policy: Policy) -> Step:
    """Pure; `pause_seconds` is without jitter."""
    match outcome:
        case Accepted():
            return _accepted(progress)
        case Refused() | Lost():
            return _final(progress, outcome)
        case Unreachable() | Failing():
            return _failing(progress, outcome, now, policy)
        case MarkupRefused():
            return _markup_refused(progress, outcome)
        case _:
            return _not_now(progress, outcome)


def _accepted(progress: Progress) -> Step:
    sent = progress.parts_sent + 1
    done = sent >= progress.parts
    return Step("sent" if done else "queued", "accepted", parts_sent=sent, plain=progress.plain)


def _final(progress: Progress, outcome: Refused | Lost) -> Step:
    if isinstance(outcome, Lost):
        return _ended(progress, "uncertain", "answer_lost", outcome.detail)
    return _ended(progress, "failed", outcome.code, outcome.detail, dead_address=outcome.address_is_dead)


def _markup_refused(progress: Progress, outcome: MarkupRefused) -> Step:
    if progress.plain:
        return _ended(progress, "failed", "text_refused", outcome.detail)
    return _again(progress, "markup_refused", outcome.detail, 0.0, plain=True)


def _not_now(progress: Progress, outcome: Moved | Throttled | Unusable) -> Step:
    if isinstance(outcome, Throttled):
        return _again(progress, "throttled", None, outcome.seconds)
    if isinstance(outcome, Unusable):
        return _again(progress, "channel_unusable", outcome.detail, 0.0)
    if progress.tries > progress.parts + _MAX_MOVES:
        return _ended(progress, "failed", "chat_moved", "The chat moved again and again.", dead_address=True)
    return _again(progress, "chat_moved", None, 0.0, new_address=outcome.new_address)


def _failing(progress: Progress, outcome: Unreachable | Failing, now: datetime, policy: Policy) -> Step:
    failures = progress.failures + 1
    code = "channel_failing" if isinstance(outcome, Failing) else "channel_unreachable"
    if isinstance(outcome, Failing) and failures >= policy.failures_limit:
        return _ended(progress, "failed", code, f"{outcome.detail} It failed {failures} times.")
    if now - progress.due_since >= policy.give_up_after:
        hours = policy.give_up_after.total_seconds() / 3600
        return _ended(progress, "failed", "too_late", f"{outcome.detail} It was tried for {hours:g} hours.")
    pause = min(_LONGEST_PAUSE_SECONDS, 2.0 ** min(failures - 1, 20))
    return _again(progress, code, outcome.detail, pause, failures=failures)


def _again(
    progress: Progress,
    code: str,
    detail: str | None,
    pause: float,
    *,
    failures: int | None = None,
    plain: bool = False,
    new_address: str | None = None,
) -> Step:
    return Step(
        "queued",
        code,
        detail,
        pause_seconds=pause,
        parts_sent=progress.parts_sent,
        failures=progress.failures if failures is None else failures,
        plain=progress.plain or plain,
        new_address=new_address,
    )


def _ended(progress: Progress, status: Status, code: str, detail: str, *, dead_address: bool = False) -> Step:
    partly = f" {progress.parts_sent} of {progress.parts} parts were delivered." if progress.parts_sent else ""
    return Step(
        status,
        code,
        f"{detail}{partly}",
        parts_sent=progress.parts_sent,
        failures=progress.failures,
        plain=progress.plain,
        dead_address=dead_address,
    )
