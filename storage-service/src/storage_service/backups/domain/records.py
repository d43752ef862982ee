"""Backups and restorations as they are shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class BackupRecord:
    """`status` is `expired` once retention removed the files; `requested_by` is None for scheduled backups."""

    id: UUID
    status: str
    progress: float
    attempts: int
    file_name: str | None
    size_bytes: int | None
    sha256: str | None
    key_id: str | None
    schemas: list[str] | None
    tables: int | None
    rows: int | None
    server_version: str | None
    consistent_at: datetime | None
    verified_at: datetime | None
    problem: dict[str, Any] | None
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class RestorationRecord:
    id: UUID
    backup_id: UUID
    target_database: str
    status: str
    progress: float
    attempts: int
    tables: int | None
    rows: int | None
    problem: dict[str, Any] | None
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
