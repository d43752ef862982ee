"""What is shown of a message and of each try to send it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from notification_service.messages.domain.delivery import Status
from notification_service.subscriptions.domain import ChannelName
from notification_service.templates.domain.markup import plain_text
from notification_service.templates.domain.names import Language


@dataclass(frozen=True)
class AttemptView:
    number: int
    part: int
    channel: str
    started_at: datetime
    ended_at: datetime | None
    code: str | None
    detail: str | None
    provider_message_id: str | None

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class MessageView:
    """`text` is what people read, without markup; `sent_at` is set when the whole message was accepted."""

    id: UUID
    subscription_id: UUID | None
    owner: str
    channel: ChannelName
    address: str
    event_id: UUID
    event_type: str
    language: Language
    text: str
    status: Status
    code: str | None
    detail: str | None
    attempts: int
    parts_sent: int
    not_before: datetime
    created_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    resend_of: UUID | None

    @classmethod
    def of(cls, row: Any) -> Self:
        """From a stored message with its notice."""
        shown = {name: getattr(row, name) for name in cls.__dataclass_fields__ if hasattr(row, name)}
        told = {name: getattr(row.notice, name) for name in ("event_id", "event_type", "language")}
        sent_at = row.ended_at if row.status == "sent" else None
        return cls(**shown, **told, text=plain_text(row.notice.body), sent_at=sent_at)


@dataclass(frozen=True)
class MessageFilter:
    status: Status | None = None
    channel: ChannelName | None = None
    event_type: str | None = None
