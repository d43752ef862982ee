"""Response and request bodies of incidents."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# PostgreSQL text cannot hold the null character.
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class IncidentSummary(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    root: str = Field(description="Name of the target that failed first; the others failed because of it.")
    severity: Literal["info", "warning", "critical"]
    summary: str
    affected: list[str] = Field(description="Targets it still covers.")
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class TimelineItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    at: datetime
    kind: str = Field(description="opened, affected, recovered, moved, acknowledged, resolved; more may come.")
    target: str | None
    author: str | None
    text: str | None


class IncidentDetail(IncidentSummary):
    timeline: list[TimelineItem]


class Acknowledgement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: Note | None = Field(default=None, description="What is known or being done.")
