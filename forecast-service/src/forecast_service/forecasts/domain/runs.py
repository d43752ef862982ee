"""Runs as values: what is asked for, what a worker holds, what is known of the outcome."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

SHORTEST_HORIZON = 28
LONGEST_HORIZON = 91


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    MANUAL = "manual"
    IMPORT = "import"


UNDER_WAY = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})


@dataclass(frozen=True)
class RunRecord:
    """`accuracy` holds fractions; `problem` the code, title and detail of a failure."""

    id: UUID
    status: RunStatus
    phase: str
    progress: float
    trigger: str
    requested_by: str
    horizon_days: int | None
    history_start: date | None
    history_end: date | None
    articles: int | None
    model_names: tuple[str, ...]
    models: dict[str, int]
    accuracy: dict[str, Any] | None
    problem: dict[str, Any] | None
    plan_id: UUID | None
    cancellation_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a run; lost when `lease` is no longer the run's."""

    id: UUID
    lease: UUID
    attempts: int
    trigger: str
    requested_horizon_days: int | None
    has_forecasts: bool
    started_at: datetime


@dataclass(frozen=True)
class RunOutcome:
    """What the computation found out about the whole run."""

    history_start: date
    history_end: date
    horizon_days: int
    articles: int
    model_names: tuple[str, ...]
    models: dict[str, int]
    accuracy: dict[str, Any]


@dataclass(frozen=True)
class StoredForecast:
    """One article and warehouse; arrays as in the table `forecasts`, flattened."""

    run_id: UUID
    warehouse: str
    model: str
    recent: float
    weights: list[float]
    mean: list[float]
    daily: list[float]
    sums: list[float]


def horizon_for(longest_protection_days: int) -> int:
    """Days to forecast so that the longest lead time with its order interval is covered, within what is possible."""
    return min(max(SHORTEST_HORIZON, longest_protection_days), LONGEST_HORIZON)
