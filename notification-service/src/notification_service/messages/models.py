"""Tables of messages: what is said (once per event and language), to whom, and every try to say it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from notification_service.database import Base
from shared.database.base import new_id

_WAITING = "status IN ('queued', 'sending')"


class Notice(Base):
    """The text about one event in one language, shared by all who get it."""

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    event_id: Mapped[UUID]
    event_type: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("event_id", "language"),)


class Message(Base):
    """One notice for one subscriber. `position` is the order within a chat; `due_since` never moves."""

    __tablename__ = "messages"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    position: Mapped[int] = mapped_column(BigInteger, Identity())
    dedup_key: Mapped[str] = mapped_column(Text, unique=True)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notification.notices.id"))
    subscription_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("notification.subscriptions.id", ondelete="SET NULL")
    )
    resend_of: Mapped[UUID | None]
    owner: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    due_since: Mapped[datetime] = mapped_column(server_default=func.now())
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    parts_sent: Mapped[int] = mapped_column(server_default=text("0"))
    plain: Mapped[bool] = mapped_column(server_default=text("false"))
    code: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]

    notice: Mapped[Notice] = relationship(lazy="raise")

    __table_args__ = (
        CheckConstraint("status IN ('queued', 'sending', 'sent', 'failed', 'uncertain')", name="status"),
        CheckConstraint("(ended_at IS NULL) = (status IN ('queued', 'sending'))", name="ended_at"),
        Index("ix_messages_queue", "position", postgresql_where=text("status = 'queued'")),
        Index("ix_messages_chat", "channel", "address", "position", postgresql_where=text(_WAITING)),
        Index("ix_messages_sending", "id", postgresql_where=text("status = 'sending'")),
        Index("ix_messages_owner_id", "owner", "id"),
        Index("ix_messages_subscription_id", "subscription_id"),
    )


class Attempt(Base):
    """One try to hand over one part; without an end its sender died with it in hand."""

    __tablename__ = "attempts"

    message_id: Mapped[UUID] = mapped_column(
        ForeignKey("notification.messages.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int]
    channel: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    code: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    provider_message_id: Mapped[str | None] = mapped_column(Text)
