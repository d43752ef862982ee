"""Contents on their way in: written to a local folder first, measured and hashed while they arrive."""

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from storage_service.files.domain import CHUNK_BYTES, SNIFF_BYTES, ContentDigest
from storage_service.files.errors import OutOfSpaceError, StoredFileTooLargeError


@dataclass(frozen=True)
class StagedContent:
    """`source` is read from its beginning."""

    source: Path | IO[bytes]
    size_bytes: int
    sha256: str
    chunk_digests: bytes
    head: bytes


class Staging:
    def __init__(self, directory: Path | None) -> None:
        """Without a directory the system's temporary one is used."""
        self._directory = directory

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[StagedContent]:
        """The content in a local file without a name, gone when the block is left or the process dies.

        Raises:
            StoredFileTooLargeError: as soon as the limit is passed; what came so far is removed.
            OutOfSpaceError
        """
        with tempfile.TemporaryFile(dir=self._directory) as file:
            digest = ContentDigest()
            pending = bytearray()
            async for chunk in chunks:
                pending += chunk
                if digest.size_bytes + len(pending) > max_bytes:
                    raise StoredFileTooLargeError(
                        f"The file is larger than the {max_bytes:,} bytes that are taken. Send a smaller one, "
                        "or ask an administrator to raise STORAGE_FILES_MAX_BYTES."
                    )
                if len(pending) >= CHUNK_BYTES:
                    await asyncio.to_thread(_append, file, digest, bytes(pending))
                    pending.clear()
            await asyncio.to_thread(_append, file, digest, bytes(pending))
            yield await asyncio.to_thread(_received, file, digest)

    async def measure(self, path: Path) -> StagedContent:
        """A finished local file, hashed."""
        return await asyncio.to_thread(_measure, path)


def _append(file: IO[bytes], digest: ContentDigest, data: bytes) -> None:
    with _space():
        file.write(data)
        file.flush()
    digest.update(data)


def _received(file: IO[bytes], digest: ContentDigest) -> StagedContent:
    file.seek(0)
    head = file.read(SNIFF_BYTES)
    file.seek(0)
    return _staged(file, digest, head)


def _measure(path: Path) -> StagedContent:
    digest = ContentDigest()
    head = b""
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            head = head or data[:SNIFF_BYTES]
            digest.update(data)
    return _staged(path, digest, head)


def _staged(source: Path | IO[bytes], digest: ContentDigest, head: bytes) -> StagedContent:
    sha256, chunk_digests = digest.finish()
    return StagedContent(source, digest.size_bytes, sha256, chunk_digests, head)


@contextmanager
def _space() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise OutOfSpaceError("There is no space left to receive the file. Free some, then try again.") from error
        raise
