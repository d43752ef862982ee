"""The table of export jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from storage_service.database import Job


class Export(Job):
    __tablename__ = "exports"

    kind: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    plan_id: Mapped[UUID | None]
    rows: Mapped[int | None] = mapped_column(BigInteger)
    file_id: Mapped[UUID | None]
    file_name: Mapped[str | None] = mapped_column(Text)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            *super().__table_args__,
            CheckConstraint("kind IN ('plan')", name="kind"),
            CheckConstraint("format IN ('xlsx', 'csv', 'sheets')", name="format"),
            Index("ix_exports_expires_at", "expires_at", postgresql_where=text("status = 'completed'")),
        )
