"""Tables of backups and restorations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from storage_service.database import Job


class Backup(Job):
    __tablename__ = "backups"

    file_name: Mapped[str | None] = mapped_column(Text)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(Text)
    key_id: Mapped[str | None] = mapped_column(Text)
    schemas: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    tables: Mapped[int | None] = mapped_column(Integer)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    server_version: Mapped[str | None] = mapped_column(Text)
    consistent_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]


class Restoration(Job):
    __tablename__ = "restorations"

    backup_id: Mapped[UUID] = mapped_column(ForeignKey("storage.backups.id"))
    target_database: Mapped[str] = mapped_column(Text)
    tables: Mapped[int | None] = mapped_column(Integer)
    rows: Mapped[int | None] = mapped_column(BigInteger)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (*super().__table_args__, Index("ix_restorations_backup_id", "backup_id"))
