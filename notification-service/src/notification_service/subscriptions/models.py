"""Tables of subscriptions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from notification_service.database import Base
from shared.database.base import new_id


class Subscription(Base):
    __tablename__ = "subscriptions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    active: Mapped[bool]
    inactive_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    __table_args__ = (
        UniqueConstraint("owner", "channel", "address"),
        CheckConstraint("language IN ('en', 'ru')", name="language"),
        CheckConstraint("cardinality(event_types) > 0", name="event_types"),
        CheckConstraint("inactive_reason IS NULL OR NOT active", name="inactive_reason"),
        Index("ix_subscriptions_event_types", "event_types", postgresql_using="gin", postgresql_where=text("active")),
        Index("ix_subscriptions_channel_address", "channel", "address"),
    )
