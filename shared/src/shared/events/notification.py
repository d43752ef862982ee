"""Events published by notification-service."""

from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event
from shared.events.fields import Code, Count


class MessageFailedV1(Event):
    """A message could not be delivered and will not be tried again by itself."""

    event_type: ClassVar[str] = "notification.message.failed.v1"

    message_id: UUID
    subscription_id: UUID | None = None
    """Null when the subscription is gone."""
    channel: Code
    """telegram or console; more may come."""
    about_type: str | None = None
    """Type of the event the message was about; null for one that a person asked for."""
    code: Code
    """Stable snake_case code of the problem."""
    detail: str
    """What is wrong and what to do, without the address or the text of the message."""
    attempts: Count
