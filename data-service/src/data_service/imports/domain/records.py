"""What is kept about an import."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from data_service.imports.domain.batches import Batch
from data_service.imports.domain.kinds import ImportKind


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class ImportCounts:
    """Rows of the file; `read` is the sum of the other four.

    `cleaned` rows were taken away by a rule (exact duplicates, rows a later one replaces, blank rows).
    """

    read: int = 0
    applied: int = 0
    unchanged: int = 0
    cleaned: int = 0
    quarantined: int = 0


@dataclass
class Tally:
    """Rows and rules counted while batches go by."""

    read: int = 0
    blank: int = 0
    quarantined: int = 0
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, batch: Batch) -> None:
        self.read += batch.read
        self.blank += batch.blank
        self.quarantined += len(batch.rejected)
        self.rules.update(batch.fixed)
        self.rules.update(row.rule for row in batch.rejected)


@dataclass(frozen=True)
class NewImport:
    id: UUID
    kind: ImportKind
    file_name: str | None
    size_bytes: int
    sha256: str
    created_by: str


@dataclass(frozen=True)
class Claim:
    """An import in the hands of one worker, as long as `lease` is the one stored."""

    id: UUID
    kind: ImportKind
    file_name: str | None
    size_bytes: int
    attempts: int
    created_by: str
    lease: UUID


@dataclass(frozen=True)
class ImportRecord:
    id: UUID
    kind: ImportKind
    file_name: str | None
    size_bytes: int
    sha256: str
    status: Status
    progress: float
    counts: ImportCounts
    rules: dict[str, int]
    understood: dict[str, Any] | None
    problem: dict[str, Any] | None
    period_start: date | None
    period_end: date | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
