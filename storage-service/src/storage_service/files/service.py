"""Use cases of files: take in, list, read with an integrity check, delete, clean up."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import ForbiddenError
from shared.observability.logging import get_logger
from shared.web.identity import Identity
from storage_service.files.adapters.object_store import ContentStore
from storage_service.files.adapters.staging import StagedContent, Staging
from storage_service.files.domain import (
    CHUNK_BYTES,
    ByteRange,
    ContentRecord,
    FileRecord,
    UnsatisfiableRangeError,
    chunks_of,
    content_disposition,
    contradicts,
    is_intact,
    parse_range,
    safe_name,
    sniff,
)
from storage_service.files.errors import (
    DamagedFileError,
    EmptyFileError,
    MisnamedFileError,
    ObjectStoreError,
    RangeNotSatisfiableError,
    StoredFileNotFoundError,
)
from storage_service.files.models import StoredFile
from storage_service.files.repository import FileRepository
from storage_service.resources import Resources

_log = get_logger(__name__)
_UPLOAD_GRACE_SECONDS = 3600.0
_SWEEP_BATCH = 500
DELETING_ROLES = frozenset({"admin", "ops"})


@dataclass(frozen=True)
class Download:
    """An answer ready to be sent; `chunks` yields only what was proven to be what was stored."""

    status: int
    media_type: str
    headers: dict[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True)
class StoredContent:
    """In the store, not yet named. `record` is None when the content had been there already."""

    sha256: str
    size_bytes: int
    media_type: str
    record: ContentRecord | None


@dataclass(frozen=True)
class DownloadConditions:
    """The request headers of these names, as they came."""

    range: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None


class FileService:
    def __init__(
        self, database: Database, store: ContentStore, staging: Staging, idempotent: IdempotentRequests, max_bytes: int
    ) -> None:
        self._database = database
        self._store = store
        self._staging = staging
        self._idempotent = idempotent
        self._max_bytes = max_bytes

    async def upload(
        self, chunks: AsyncIterator[bytes], name: str, caller: Identity, idempotency_key: str | None
    ) -> FileRecord:
        """Raises: EmptyFileError, MisnamedFileError, StoredFileTooLargeError, OutOfSpaceError, ObjectStoreError."""
        async with self._staging.receive(chunks, self._max_bytes) as staged:
            _check_content(staged, name)
            content = await self._store_content(staged)
            async with self._database.unit_of_work() as work:
                request = fingerprint("upload_file", [safe_name(name), staged.sha256])
                first = await self._first_answer(work, caller, idempotency_key, request)
                if first is not None:
                    return await self.get(first, caller)
                file_id = await self.keep(work, content, name, caller.subject, None)
                if idempotency_key is not None:
                    answer = {"id": str(file_id)}
                    await self._idempotent.remember(work, caller=caller.subject, key=idempotency_key, response=answer)
                await work.commit()
        return await self.get(file_id, caller)

    async def _first_answer(self, work: UnitOfWork, caller: Identity, key: str | None, request: str) -> UUID | None:
        if key is None:
            return None
        first = await self._idempotent.claim(work, caller=caller.subject, key=key, request=request)
        return None if first is None else UUID(first["id"])

    async def prepare(self, path: Path) -> StoredContent:
        """Puts a finished local file into the store; `keep` then names it in the caller's transaction."""
        return await self._store_content(await self._staging.measure(path))

    async def keep(
        self, work: UnitOfWork, content: StoredContent, name: str, owner: str | None, expires_at: datetime | None
    ) -> UUID:
        """Raises: ObjectStoreError: the content was removed meanwhile; prepare it again."""
        files = FileRepository(work.session)
        if content.record is not None:
            await files.add_content(content.record)
        if not await files.hold_content(content.sha256):
            raise ObjectStoreError("The content was removed while it was being stored; try again.")
        file = StoredFile(
            name=safe_name(name),
            media_type=content.media_type,
            sha256=content.sha256,
            owner=owner,
            expires_at=expires_at,
        )
        await files.add(file)
        return file.id

    async def get(self, file_id: UUID, caller: Identity) -> FileRecord:
        record, _ = await self._find(file_id, _visible_owner(caller))
        return record

    async def list_page(self, limit: int, before: UUID | None, caller: Identity) -> list[FileRecord]:
        async with self._database.unit_of_work() as work:
            return await FileRepository(work.session).page(limit, before, _visible_owner(caller))

    async def open(self, file_id: UUID, conditions: DownloadConditions, caller: Identity | None) -> Download:
        """`caller` None: whoever calls has made sure that the file may be read.

        Raises: StoredFileNotFoundError, RangeNotSatisfiableError, DamagedFileError, ObjectStoreError.
        """
        record, content = await self._find(file_id, None if caller is None else _visible_owner(caller))
        etag = f'"{record.sha256}"'
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Disposition": content_disposition(record.name),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-cache",
        }
        if conditions.if_none_match is not None and _matches(conditions.if_none_match, etag):
            return Download(304, record.media_type, headers, _nothing())
        wanted = None
        if conditions.if_range is None or conditions.if_range.strip() == etag:
            wanted = _wanted(conditions.range, record)
        span = wanted or ByteRange(0, record.size_bytes)
        headers["Content-Length"] = str(span.length)
        if wanted is not None:
            headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{record.size_bytes}"
        chunks = self._checked_chunks(content, span)
        first = await anext(chunks)  # a damaged beginning is still answered with a problem document
        return Download(206 if wanted else 200, record.media_type, headers, _chain(first, chunks))

    async def delete(self, file_id: UUID, caller: Identity) -> None:
        """Raises: StoredFileNotFoundError, ForbiddenError."""
        record = await self.get(file_id, caller)
        if record.owner != caller.subject and caller.roles.isdisjoint(DELETING_ROLES):
            raise ForbiddenError("Only the person who uploaded a file, or an administrator, may delete it.")
        async with self._database.unit_of_work() as work:
            if not await FileRepository(work.session).remove(file_id):
                raise _not_found(file_id)
            await work.commit()

    async def discard(self, work: UnitOfWork, file_id: UUID) -> None:
        """Deletes in the caller's transaction; the content goes with the next sweep. A file already gone is fine."""
        await FileRepository(work.session).remove(file_id)

    async def sweep(self) -> None:
        """Removes expired files and contents nobody refers to. Safe to run anywhere, any time."""
        async with self._database.unit_of_work() as work:
            files = FileRepository(work.session)
            for file_id in await files.expired(_SWEEP_BATCH):
                await files.remove(file_id)
            await work.commit()
        async with self._database.unit_of_work() as work:
            keys = await FileRepository(work.session).removals_due(_SWEEP_BATCH)
        for key in keys:
            await self._store.delete(key)
            async with self._database.unit_of_work() as work:
                await FileRepository(work.session).removed(key)
                await work.commit()

    async def _store_content(self, staged: StagedContent) -> StoredContent:
        """Every upload has a key of its own, so a removal can never hit a content that has just come back."""
        content = StoredContent(staged.sha256, staged.size_bytes, sniff(staged.head), None)
        async with self._database.unit_of_work() as work:
            if await FileRepository(work.session).hold_content(staged.sha256):
                return content
        key = f"objects/{staged.sha256[:2]}/{staged.sha256}.{uuid4().hex[:8]}"
        async with self._database.unit_of_work() as work:
            await FileRepository(work.session).schedule_removal(key, _UPLOAD_GRACE_SECONDS)
            await work.commit()
        await self._store.put(key, staged.source)
        return replace(content, record=ContentRecord(staged.sha256, key, staged.size_bytes, staged.chunk_digests))

    async def _find(self, file_id: UUID, owner: str | None) -> tuple[FileRecord, ContentRecord]:
        async with self._database.unit_of_work() as work:
            found = await FileRepository(work.session).find(file_id, owner)
        if found is None:
            raise _not_found(file_id)
        return found

    async def _checked_chunks(self, content: ContentRecord, span: ByteRange) -> AsyncIterator[bytes]:
        for number, part in chunks_of(span):
            start = number * CHUNK_BYTES
            try:
                chunk = await self._store.read(content.key, start, min(start + CHUNK_BYTES, content.size_bytes))
                if not is_intact(chunk, number, content.chunk_digests):
                    raise DamagedFileError(
                        f"The stored content {content.sha256} is not what was stored (at byte {start:,}). "
                        "Nothing of that part was sent. Upload it again or restore it from a backup."
                    )
            except DamagedFileError as error:
                _log.error("file_damaged", sha256=content.sha256, detail=error.detail)
                await self._mark_damaged(content.sha256)
                raise
            yield chunk[part]

    async def _mark_damaged(self, sha256: str) -> None:
        async with self._database.unit_of_work() as work:
            await FileRepository(work.session).mark_damaged(sha256)
            await work.commit()


def _visible_owner(caller: Identity) -> str | None:
    """Nobody knows what is in a file: who may see only a part of the company sees the files of their own."""
    return caller.subject if caller.scope.is_limited else None


def _check_content(staged: StagedContent, name: str) -> None:
    if staged.size_bytes == 0:
        raise EmptyFileError("The body is empty. Send the file's bytes as the body of the request.")
    media_type = sniff(staged.head)
    if contradicts(safe_name(name), media_type):
        raise MisnamedFileError(
            f"The name {safe_name(name)!r} promises another kind of file than the content, which is {media_type}. "
            "Send the right file, or give it its right name."
        )


def _wanted(header: str | None, record: FileRecord) -> ByteRange | None:
    try:
        return parse_range(header, record.size_bytes)
    except UnsatisfiableRangeError as error:
        raise RangeNotSatisfiableError(
            f"The file has {record.size_bytes:,} bytes; ask for a range inside it.",
            headers={"Content-Range": f"bytes */{record.size_bytes}"},
        ) from error


def _matches(if_none_match: str, etag: str) -> bool:
    candidates = {value.strip().removeprefix("W/") for value in if_none_match.split(",")}
    return "*" in candidates or etag in candidates


def _not_found(file_id: UUID) -> StoredFileNotFoundError:
    return StoredFileNotFoundError(f"There is no file {file_id}; it may have been deleted or have expired.")


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _chain(first: bytes, rest: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def create_file_service(resources: Resources) -> FileService:
    settings = resources.settings
    return FileService(
        resources.database,
        ContentStore(resources.objects),
        Staging(settings.work_directory),
        resources.idempotent,
        settings.files_max_bytes,
    )
