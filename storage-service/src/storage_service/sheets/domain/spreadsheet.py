"""A registered spreadsheet."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class SpreadsheetRecord:
    id: UUID
    name: str
    key: str
    title: str
    url: str
    registered_by: str
    created_at: datetime
