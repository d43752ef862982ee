"""SQL of files."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage_service.files.domain import ContentRecord, FileRecord
from storage_service.files.models import ObjectToRemove, StoredFile, StoredObject

# Downloads under way read on for this long.
_DOWNLOADS_END_SECONDS = 600.0


class FileRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, file: StoredFile) -> None:
        """The content row must exist and be held by this transaction."""
        self._session.add(file)
        await self._session.flush()

    async def hold_content(self, sha256: str) -> bool:
        """Keeps the content from being removed until the transaction ends. False when there is no sound one."""
        found = await self._session.execute(
            select(StoredObject.sha256)
            .where(StoredObject.sha256 == sha256, StoredObject.damaged_at.is_(None))
            .with_for_update(read=True, key_share=True)
        )
        return found.scalar_one_or_none() is not None

    async def add_content(self, content: ContentRecord) -> None:
        """A sound content of the same hash stays where it is, and the new key stays due for removal; a damaged one
        is replaced.
        """
        table = StoredObject
        found = await self._session.execute(select(table).where(table.sha256 == content.sha256).with_for_update())
        known = found.scalar_one_or_none()
        if known is not None and known.damaged_at is None:
            return
        if known is not None:
            await self.schedule_removal(known.key, 0)
        values = {"key": content.key, "size_bytes": content.size_bytes, "chunk_digests": content.chunk_digests}
        stored = await self._session.execute(
            insert(table)
            .values(sha256=content.sha256, **values)
            .on_conflict_do_update(
                index_elements=[table.sha256],
                set_={**values, "damaged_at": None},
                where=table.damaged_at.is_not(None),
            )
            .returning(table.sha256)
        )
        if stored.scalar_one_or_none() is not None:
            await self._session.execute(delete(ObjectToRemove).where(ObjectToRemove.key == content.key))

    async def schedule_removal(self, key: str, delay_seconds: float) -> None:
        due = func.now() + timedelta(seconds=delay_seconds)
        statement = insert(ObjectToRemove).values(key=key, due_at=due)
        await self._session.execute(
            statement.on_conflict_do_update(index_elements=[ObjectToRemove.key], set_={"due_at": due})
        )

    async def find(self, file_id: UUID, owner: str | None) -> tuple[FileRecord, ContentRecord] | None:
        """`owner` None finds anybody's."""
        row = (
            await self._session.execute(
                select(StoredFile, StoredObject)
                .join(StoredObject, StoredObject.sha256 == StoredFile.sha256)
                .where(StoredFile.id == file_id, *_owned(owner))
            )
        ).one_or_none()
        if row is None:
            return None
        file, content = row
        return _record(file, content), ContentRecord(
            file.sha256, content.key, content.size_bytes, content.chunk_digests
        )

    async def page(self, limit: int, before: UUID | None, owner: str | None) -> list[FileRecord]:
        """Newest first: the ids grow with time. `owner` None lists everybody's."""
        statement = (
            select(StoredFile, StoredObject)
            .join(StoredObject, StoredObject.sha256 == StoredFile.sha256)
            .where(*_owned(owner))
            .order_by(StoredFile.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(StoredFile.id < before)
        return [_record(file, content) for file, content in (await self._session.execute(statement)).all()]

    async def remove(self, file_id: UUID) -> bool:
        """Takes the file away, and the content with its last file."""
        removed = await self._session.execute(
            delete(StoredFile).where(StoredFile.id == file_id).returning(StoredFile.sha256)
        )
        sha256 = removed.scalar_one_or_none()
        if sha256 is None:
            return False
        # Lock first: a parallel upload of the same content either sees its row go, or keeps it.
        await self._session.execute(select(StoredObject.sha256).where(StoredObject.sha256 == sha256).with_for_update())
        orphaned = await self._session.execute(
            delete(StoredObject)
            .where(StoredObject.sha256 == sha256, ~exists().where(StoredFile.sha256 == sha256))
            .returning(StoredObject.key)
        )
        key = orphaned.scalar_one_or_none()
        if key is not None:
            await self.schedule_removal(key, _DOWNLOADS_END_SECONDS)
        return True

    async def mark_damaged(self, sha256: str) -> None:
        await self._session.execute(
            update(StoredObject).where(StoredObject.sha256 == sha256).values(damaged_at=func.now())
        )

    async def expired(self, limit: int) -> Sequence[UUID]:
        found = await self._session.execute(
            select(StoredFile.id).where(StoredFile.expires_at < func.now()).order_by(StoredFile.expires_at).limit(limit)
        )
        return found.scalars().all()

    async def removals_due(self, limit: int) -> Sequence[str]:
        found = await self._session.execute(
            select(ObjectToRemove.key)
            .where(ObjectToRemove.due_at < func.now())
            .order_by(ObjectToRemove.due_at)
            .limit(limit)
        )
        return found.scalars().all()

    async def removed(self, key: str) -> None:
        await self._session.execute(delete(ObjectToRemove).where(ObjectToRemove.key == key))


def _owned(owner: str | None) -> list[ColumnElement[bool]]:
    return [] if owner is None else [StoredFile.owner == owner]


def _record(file: StoredFile, content: StoredObject) -> FileRecord:
    return FileRecord(
        id=file.id,
        name=file.name,
        media_type=file.media_type,
        sha256=file.sha256,
        size_bytes=content.size_bytes,
        owner=file.owner,
        created_at=file.created_at,
        expires_at=file.expires_at,
    )
