"""Bodies of the subscription routes."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from notification_service.subscriptions.domain import ChannelName
from notification_service.templates.domain.names import Language

Address = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Field(description="Telegram: chat id (`123456789`, `-1001234567890`) or `@channel`. Console: any short name."),
]
EventTypes = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=100)]],
    Field(
        min_length=1,
        max_length=50,
        description="Events by name, with or without version, or with a wildcard: `*`, `forecast.*`, `data.import.*`.",
        examples=[["forecast.stockout-risk.detected", "data.purchase-order.*"]],
    ),
]


class CreateSubscriptionRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channel: ChannelName = "telegram"
    address: Address
    language: Language = "en"
    event_types: EventTypes
    active: bool = True


class ChangeSubscriptionRequest(BaseModel):
    """Only what is given changes."""

    model_config = ConfigDict(extra="forbid")

    channel: ChannelName | None = None
    address: Address | None = None
    language: Language | None = None
    event_types: EventTypes | None = None
    active: bool | None = None

    @model_validator(mode="after")
    def _no_nulls(self) -> Self:
        empty = [name for name in self.model_fields_set if getattr(self, name) is None]
        if empty:
            raise ValueError(f"{', '.join(sorted(empty))}: leave a field out to keep it; null is not a value")
        return self


class SubscriptionResponse(BaseModel):
    id: UUID
    owner: str = Field(description="Subject of the person or service it belongs to.")
    channel: ChannelName
    address: str
    language: Language
    event_types: list[str]
    active: bool
    inactive_reason: str | None = Field(description="Why it stopped by itself, for example: the bot was blocked.")
    created_at: datetime
    updated_at: datetime
