"""Bodies of the message routes."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from notification_service.messages.domain.delivery import Status
from notification_service.subscriptions.domain import ChannelName
from notification_service.templates.domain.names import Language


class MessageResponse(BaseModel):
    id: UUID
    subscription_id: UUID | None = Field(description="Null when the subscription has ended.")
    owner: str
    channel: ChannelName = Field(description="The channel it went to; console when there is no Telegram token.")
    address: str
    event_id: UUID
    event_type: str
    language: Language
    text: str = Field(description="What people read, without markup.")
    status: Status = Field(description="`uncertain`: it left here, no answer came; it may have been delivered.")
    code: str | None = Field(description="Stable name of what happened last.")
    detail: str | None = Field(description="What happened last, in words.")
    attempts: int
    parts_sent: int = Field(description="Parts delivered; a long message takes several.")
    not_before: datetime
    created_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None = Field(description="When it was sent, failed or became uncertain.")
    resend_of: UUID | None = Field(description="The message this one repeats.")


class AttemptResponse(BaseModel):
    number: int
    part: int
    channel: str
    started_at: datetime
    ended_at: datetime | None
    code: str | None
    detail: str | None
    provider_message_id: str | None = Field(description="The channel's own id of the message.")


class MessageDetailResponse(MessageResponse):
    tries: list[AttemptResponse]
