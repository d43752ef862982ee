"""The audit tables. Numbers, times and hashes are set by a trigger, another one refuses every change and removal."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database import Base
from shared.database.base import new_id

NOUN = "split_part(action, '.'::text, 1)"
WORDS = (
    "to_tsvector('simple'::regconfig, regexp_replace((COALESCE(target, ''::text) || ' '::text) ||"
    " COALESCE(actor_name, ''::text), '[^[:alnum:]]+'::text, ' '::text, 'g'::text))"
)


class AuditEntry(Base):
    __tablename__ = "audit_entries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())
    action: Mapped[str] = mapped_column(Text)
    succeeded: Mapped[bool]
    actor_kind: Mapped[str | None] = mapped_column(Text)
    actor_id: Mapped[str | None] = mapped_column(Text)
    actor_name: Mapped[str | None] = mapped_column(Text)
    acting_service: Mapped[str | None] = mapped_column(Text)
    target: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    day: Mapped[date]
    sequence: Mapped[int]
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        UniqueConstraint("day", "sequence"),
        Index("ix_audit_entries_action", "action", "day", "sequence"),
        Index("ix_audit_entries_noun", text(NOUN), "day", "sequence"),
        Index("ix_audit_entries_actor_id", "actor_id", "day", "sequence"),
        Index("ix_audit_entries_actor_name", text("lower(actor_name)"), "day", "sequence"),
        Index("ix_audit_entries_target", "target", "day", "sequence"),
        Index("ix_audit_entries_address", "address", "day", "sequence"),
        Index("ix_audit_entries_request_id", "request_id", "day", "sequence"),
        Index("ix_audit_entries_failed", "day", "sequence", postgresql_where=text("NOT succeeded")),
        Index("ix_audit_entries_words", text(WORDS), postgresql_using="gin"),
    )


class AuditHead(Base):
    """One row: where the next entry goes. Whoever adds one holds it until the transaction ends."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date]
    entries: Mapped[int]
    last_hash: Mapped[bytes] = mapped_column(LargeBinary)
    occurred_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class AuditDay(Base):
    """A day that is over."""

    __tablename__ = "audit_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    entries: Mapped[int]
    last_hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditSeal(Base):
    __tablename__ = "audit_seals"

    day: Mapped[date] = mapped_column(primary_key=True)
    entries: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    last_hash: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AuditKey(Base):
    """A public key that has signed a seal; it stays readable when the private one is long gone."""

    __tablename__ = "audit_keys"

    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    first_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
