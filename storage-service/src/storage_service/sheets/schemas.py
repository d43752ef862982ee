"""Bodies of the spreadsheet routes."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from storage_service.sheets.domain.spreadsheet import SpreadsheetRecord


class SpreadsheetRegistration(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=100, description="What exports call it.")
    spreadsheet: str = Field(min_length=1, max_length=500, description="Its address, or the key in its address.")


class SpreadsheetBody(BaseModel):
    id: UUID
    name: str
    key: str
    title: str
    url: str
    registered_by: str
    created_at: datetime

    @classmethod
    def of(cls, record: SpreadsheetRecord) -> Self:
        return cls(
            id=record.id,
            name=record.name,
            key=record.key,
            title=record.title,
            url=record.url,
            registered_by=record.registered_by,
            created_at=record.created_at,
        )
