"""Uploads on disk: written as they arrive, counted and hashed, removed when their import is over."""

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from data_service.imports.errors import EmptyFileError, FileTooLargeError, UploadBrokenOffError

_BUFFER_BYTES = 1 << 20
_SUFFIX = ".upload"
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Upload:
    size_bytes: int
    sha256: str


class Spool:
    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes

    def path(self, import_id: UUID) -> Path:
        return self._directory / f"{import_id}{_SUFFIX}"

    async def receive(self, import_id: UUID, chunks: AsyncIterator[bytes], declared_bytes: int | None) -> Upload:
        """Writes the upload to disk; leaves nothing behind when it is refused or breaks off.

        Raises:
            FileTooLargeError: by what the client declares, or as soon as too much has arrived.
            EmptyFileError, UploadBrokenOffError: nothing, or less than declared arrived.
        """
        self._check_size(declared_bytes or 0)
        path = self.path(import_id)
        try:
            with await asyncio.to_thread(path.open, "xb") as file:
                upload = await self._write(file, chunks)
        except BaseException:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise
        if upload.size_bytes == 0 or (declared_bytes is not None and upload.size_bytes < declared_bytes):
            await self.discard(import_id)
            if upload.size_bytes == 0:
                raise EmptyFileError("The body is empty; send the file's bytes as the body.")
            raise UploadBrokenOffError("Less arrived than was announced; send the file again.")
        return upload

    async def _write(self, file: BinaryIO, chunks: AsyncIterator[bytes]) -> Upload:
        digest = hashlib.sha256()
        size_bytes = 0
        buffer = bytearray()
        async for chunk in chunks:
            size_bytes += len(chunk)
            self._check_size(size_bytes)
            buffer += chunk
            if len(buffer) >= _BUFFER_BYTES:
                await asyncio.to_thread(_append, file, digest, bytes(buffer))
                buffer.clear()
        await asyncio.to_thread(_append, file, digest, bytes(buffer))
        await asyncio.to_thread(_sync, file)
        return Upload(size_bytes, digest.hexdigest())

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise FileTooLargeError(
                f"The file is larger than {self._max_bytes // _MEBIBYTE} MiB; pack it with gzip or split it.",
                headers={"Connection": "close"},
            )

    async def discard(self, import_id: UUID) -> None:
        await asyncio.to_thread(self.path(import_id).unlink, missing_ok=True)

    async def sweep(self, wanted: Collection[UUID], older_than_seconds: float) -> int:
        """Removes files nobody waits for any more, left by processes that died; returns how many."""
        return await asyncio.to_thread(
            self._sweep, {self.path(import_id).name for import_id in wanted}, older_than_seconds
        )

    def _sweep(self, wanted: Collection[str], older_than_seconds: float) -> int:
        removed = 0
        for path in self._directory.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # another worker sweeps, too
                if path.name not in wanted and time.time() - path.stat().st_mtime > older_than_seconds:
                    path.unlink()
                    removed += 1
        return removed


class SpooledFile:
    """An upload being read; `fraction_read` may be asked from another thread."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._stream: BinaryIO | None = None

    def open(self) -> BinaryIO:
        self._stream = self._path.open("rb")
        return self._stream

    @property
    def fraction_read(self) -> float:
        if self._stream is None or self._stream.closed:
            return 0.0
        return min(1.0, self._stream.tell() / max(1, self._size_bytes))


def _append(file: BinaryIO, digest: "hashlib._Hash", data: bytes) -> None:
    digest.update(data)
    file.write(data)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
