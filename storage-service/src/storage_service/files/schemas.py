"""Bodies of the file routes."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from storage_service.files.domain import FileRecord


class FileBody(BaseModel):
    id: UUID
    name: str
    media_type: str = Field(description="By the content itself, not by what the sender said.")
    size_bytes: int
    sha256: str
    owner: str | None = Field(description="Subject of the person who uploaded it; null for files of the platform.")
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, record: FileRecord) -> Self:
        return cls(
            id=record.id,
            name=record.name,
            media_type=record.media_type,
            size_bytes=record.size_bytes,
            sha256=record.sha256,
            owner=record.owner,
            created_at=record.created_at,
            expires_at=record.expires_at,
        )
