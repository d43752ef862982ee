"""Events published by storage-service."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Event
from shared.events.fields import BATCH_LIMIT, Code, Count, Seconds, Sha256, UtcDatetime


class ExportCompletedV1(Event):
    """An export is ready to be fetched."""

    event_type: ClassVar[str] = "storage.export.completed.v1"

    export_id: UUID
    kind: Code
    """plan; more may come."""
    format: Code
    """xlsx, csv or sheets; more may come."""
    plan_id: UUID | None = None
    """The exported plan; null for other kinds."""
    file_name: str | None = None
    """Null when the result is not a file."""
    url: str | None = None
    """Address of the sheet; null when the result is a file."""
    rows: Count
    """Rows written, headings not counted."""
    size_bytes: Count | None = None
    sha256: Sha256 | None = None
    requested_by: str | None = None
    """Subject of the person; null for an export made by the platform itself."""
    duration_seconds: Seconds


class BackupCompletedV1(Event):
    """A backup is written; it is not proven until `storage.backup.verified`."""

    event_type: ClassVar[str] = "storage.backup.completed.v1"

    backup_id: UUID
    owners: Annotated[list[str], Field(max_length=BATCH_LIMIT)]
    """Schemas in the backup."""
    size_bytes: Count
    sha256: Sha256
    consistent_at: UtcDatetime
    """The moment whose data the backup holds."""
    duration_seconds: Seconds


class BackupVerifiedV1(Event):
    """A backup was restored into an empty database and compared with what was dumped."""

    event_type: ClassVar[str] = "storage.backup.verified.v1"

    backup_id: UUID
    tables: Count
    rows: Count
    duration_seconds: Seconds


class BackupFailedV1(Event):
    """A backup could not be made, stored or verified."""

    event_type: ClassVar[str] = "storage.backup.failed.v1"

    backup_id: UUID
    phase: Code
    """dump, store or verify; more may come."""
    code: Code
    """Stable snake_case code of the problem."""
    detail: str
    """What is wrong and what to do; readable by a person."""
