"""Bodies of the backup and restoration routes."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from storage_service.backups.domain.records import BackupRecord, RestorationRecord


class BackupProblem(BaseModel):
    """Why the job failed, or what it is being tried again for."""

    status: int
    code: str
    title: str
    detail: str


class BackupBody(BaseModel):
    id: UUID
    status: Literal["queued", "running", "completed", "failed", "expired"]
    progress: float = Field(ge=0, le=1)
    attempts: int
    file_name: str | None
    size_bytes: int | None
    sha256: str | None = Field(description="Of the encrypted file.")
    key_id: str | None = Field(description="Tells which key opens it.")
    schemas: list[str] | None
    tables: int | None
    rows: int | None
    server_version: str | None
    consistent_at: datetime | None = Field(description="The moment whose data the backup holds.")
    verified_at: datetime | None = Field(description="When a restore last proved it; null = not proven yet.")
    problem: BackupProblem | None
    requested_by: str | None = Field(description="Null for scheduled backups.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, record: BackupRecord) -> Self:
        fields: dict[str, Any] = {name: getattr(record, name) for name in cls.model_fields}
        return cls.model_validate(fields)


class RestorationRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    target_database: str | None = Field(
        None, max_length=200, description="A database that does not exist yet. Default: procurement_restore_<time>."
    )


class RestorationBody(BaseModel):
    id: UUID
    backup_id: UUID
    target_database: str
    status: Literal["queued", "running", "completed", "failed", "expired"]
    progress: float = Field(ge=0, le=1)
    attempts: int
    tables: int | None = Field(description="Tables whose rows were compared with the backup's manifest.")
    rows: int | None
    problem: BackupProblem | None
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, record: RestorationRecord) -> Self:
        fields: dict[str, Any] = {name: getattr(record, name) for name in cls.model_fields}
        return cls.model_validate(fields)
