"""Response bodies of activity."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class ActivityItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    event_type: str
    last_at: datetime
    last_subject: str = Field(description="What the last one was about: an import, a run, a backup.")
    occurrences: int


class ActivityReport(BaseModel):
    items: list[ActivityItem]
