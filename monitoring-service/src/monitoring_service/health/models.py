"""Tables of probe targets and single probe results."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from monitoring_service.database import Base
from shared.database.base import new_id


class TargetRecord(Base):
    """The present state of one target; `latency_seconds` is null while it does not answer."""

    __tablename__ = "targets"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime]
    checked_at: Mapped[datetime]
    previous_status: Mapped[str | None] = mapped_column(Text)
    latency_seconds: Mapped[float | None]
    failures: Mapped[int]
    successes: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
    dependencies: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    suspects: Mapped[list[str]] = mapped_column(ARRAY(Text))


class ProbeRecord(Base):
    __tablename__ = "probes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    target: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    ok: Mapped[bool]
    latency_seconds: Mapped[float]
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (Index("ix_probes_target_id", "target", "id"), Index("ix_probes_at", "at"))
