"""The schema `storage`: its base, its outbox and inbox, and the columns every background job has."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Float, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from shared.database.base import create_base, new_id
from shared.database.idempotency import create_idempotency_keys
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox


class Base(DeclarativeBase):
    """Declared as a class, since a class made by a function cannot be a base for the type checker."""

    metadata = create_base("storage").metadata
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


outbox = create_outbox(Base.metadata)
inbox = create_inbox(Base.metadata)
idempotency_keys = create_idempotency_keys(Base.metadata)


class Job(Base):
    """A row is a job: one worker at a time holds its lease, and renews it while it works."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    status: Mapped[str] = mapped_column(Text, default="queued")
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    requested_by: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            CheckConstraint("status IN ('queued', 'running', 'completed', 'failed', 'expired')", name="status"),
            CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
            CheckConstraint("status <> 'running' OR lease_until IS NOT NULL", name="lease"),
            Index(
                f"ix_{cls.__tablename__}_waiting",
                "not_before",
                postgresql_where=text("status IN ('queued', 'running')"),
            ),
        )
