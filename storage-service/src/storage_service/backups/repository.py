"""SQL of backups and restorations."""

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage_service.backups.domain.records import BackupRecord, RestorationRecord
from storage_service.backups.domain.retention import StoredBackup
from storage_service.backups.models import Backup, Restoration

_AGAIN_AFTER = timedelta(hours=1)


class BackupRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, requested_by: str | None) -> UUID:
        backup = Backup(requested_by=requested_by)
        self._session.add(backup)
        await self._session.flush()
        return backup.id

    async def find(self, backup_id: UUID) -> BackupRecord | None:
        backup = await self._session.get(Backup, backup_id)
        return None if backup is None else _backup(backup)

    async def page(self, limit: int, before: UUID | None) -> list[BackupRecord]:
        statement = select(Backup).order_by(Backup.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(Backup.id < before)
        return [_backup(backup) for backup in (await self._session.execute(statement)).scalars()]

    async def set(self, backup_id: UUID, **values: Any) -> None:
        await self._session.execute(update(Backup).where(Backup.id == backup_id).values(**values))

    async def asked_within(self, seconds: float) -> bool:
        """True when a backup was asked for lately, done or not; a failed one is tried again after an hour."""
        now = func.now()
        recent = or_(
            and_(Backup.status != "failed", Backup.created_at > now - timedelta(seconds=seconds)),
            and_(Backup.status == "failed", Backup.created_at > now - min(_AGAIN_AFTER, timedelta(seconds=seconds))),
        )
        found = await self._session.execute(select(Backup.id).where(recent).limit(1))
        return found.scalar_one_or_none() is not None

    async def stored(self) -> list[StoredBackup]:
        rows = await self._session.execute(
            select(Backup.id, Backup.finished_at, Backup.verified_at).where(Backup.status == "completed")
        )
        return [
            StoredBackup(backup_id, finished_at, verified_at is not None)
            for backup_id, finished_at, verified_at in rows
            if finished_at is not None
        ]

    async def newest(self) -> tuple[BackupRecord | None, datetime | None]:
        """The newest completed backup, and when a backup was last proven by a restore."""
        found = await self._session.execute(
            select(Backup).where(Backup.status == "completed").order_by(Backup.finished_at.desc()).limit(1)
        )
        newest = found.scalar_one_or_none()
        verified = await self._session.execute(select(func.max(Backup.verified_at)))
        return None if newest is None else _backup(newest), verified.scalar_one_or_none()


class RestorationRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, backup_id: UUID, target_database: str, requested_by: str | None) -> UUID:
        restoration = Restoration(backup_id=backup_id, target_database=target_database, requested_by=requested_by)
        self._session.add(restoration)
        await self._session.flush()
        return restoration.id

    async def find(self, restoration_id: UUID) -> RestorationRecord | None:
        restoration = await self._session.get(Restoration, restoration_id)
        return None if restoration is None else _restoration(restoration)

    async def page(self, limit: int, before: UUID | None) -> list[RestorationRecord]:
        statement = select(Restoration).order_by(Restoration.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(Restoration.id < before)
        return [_restoration(restoration) for restoration in (await self._session.execute(statement)).scalars()]

    async def is_targeted(self, target_database: str) -> bool:
        """True while a restoration into that database waits or runs."""
        found = await self._session.execute(
            select(Restoration.id)
            .where(Restoration.target_database == target_database, Restoration.status.in_(("queued", "running")))
            .limit(1)
        )
        return found.scalar_one_or_none() is not None

    async def set(self, restoration_id: UUID, **values: Any) -> None:
        await self._session.execute(update(Restoration).where(Restoration.id == restoration_id).values(**values))


def _backup(backup: Backup) -> BackupRecord:
    return BackupRecord(**{field.name: getattr(backup, field.name) for field in fields(BackupRecord)})


def _restoration(restoration: Restoration) -> RestorationRecord:
    return RestorationRecord(**{field.name: getattr(restoration, field.name) for field in fields(RestorationRecord)})
