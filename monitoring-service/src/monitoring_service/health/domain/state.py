"""From single probe outcomes to a target's state, with thresholds against flapping."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from monitoring_service.health.domain.targets import Kind, Target


class Status(StrEnum):
    UNKNOWN = "unknown"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True)
class Outcome:
    """One answer of one target, or its absence.

    `dependencies` is the target's own readiness report by dependency name; None when it gave none.
    """

    target: Target
    ok: bool
    latency_seconds: float
    degraded: bool = False
    error: str | None = None
    dependencies: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def failing(self) -> bool:
        return not self.ok

    @property
    def down_dependencies(self) -> frozenset[str] | None:
        if self.dependencies is None:
            return None
        return frozenset(name for name, report in self.dependencies.items() if report.get("status") == "down")


@dataclass(frozen=True)
class Round:
    """All targets asked at one moment."""

    at: datetime
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Thresholds:
    failures: int
    successes: int


@dataclass(frozen=True)
class TargetState:
    """`since` is when `status` began; latency is the last answer's, in seconds; failures and successes are in a row."""

    name: str
    kind: Kind
    status: Status
    since: datetime
    checked_at: datetime
    previous_status: Status | None = None
    latency_seconds: float | None = None
    failures: int = 0
    successes: int = 0
    error: str | None = None
    dependencies: Mapping[str, Mapping[str, Any]] | None = None
    suspects: tuple[str, ...] = field(default=())

    @property
    def failing(self) -> bool:
        """Down, on the way there, or not yet back for good."""
        return self.status is Status.DOWN or self.failures > 0


def advance(state: TargetState | None, outcome: Outcome, at: datetime, thresholds: Thresholds) -> TargetState:
    """The state after one more outcome; `since` moves only when the status does."""
    known = state or TargetState(outcome.target.name, outcome.target.kind, Status.UNKNOWN, since=at, checked_at=at)
    seen = replace(
        known,
        kind=outcome.target.kind,
        checked_at=at,
        latency_seconds=outcome.latency_seconds if outcome.ok else None,
        failures=0 if outcome.ok else known.failures + 1,
        successes=known.successes + 1 if outcome.ok else 0,
        error=outcome.error,
        dependencies=outcome.dependencies,
    )
    status = _next_status(known.status, seen, thresholds, degraded=outcome.degraded)
    if status is known.status:
        return seen
    return replace(seen, status=status, since=at, previous_status=known.status)


def _next_status(present: Status, seen: TargetState, thresholds: Thresholds, *, degraded: bool) -> Status:
    if seen.failures:
        return Status.DOWN if seen.failures >= thresholds.failures else present
    if present is Status.DOWN and seen.successes < thresholds.successes:
        return Status.DOWN
    return Status.DEGRADED if degraded else Status.UP
