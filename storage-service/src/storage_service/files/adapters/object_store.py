"""Contents in a folder or in S3, GCS or Azure, through obstore."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from storage_service.files.errors import DamagedFileError, ObjectStoreError, OutOfSpaceError


class ContentStore:
    def __init__(self, backend: ObjectStore) -> None:
        self._backend = backend

    async def put(self, key: str, source: Path | IO[bytes]) -> None:
        """Atomic: the object is whole or not there.

        Raises:
            OutOfSpaceError, ObjectStoreError
        """
        with _translated(key):
            await self._backend.put_async(key, source)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Bytes `start` … `end - 1`.

        Raises:
            DamagedFileError: the object is gone or shorter.
            ObjectStoreError
        """
        with _translated(key):
            return bytes(await self._backend.get_range_async(key, start=start, end=end))

    async def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        try:
            with _translated(key):
                await self._backend.delete_async(key)
        except DamagedFileError:
            return


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DamagedFileError(f"The content {key} is missing in the file store. Restore it from a backup.") from error
    except (BaseError, OSError) as error:
        if "os error 28" in str(error):
            raise OutOfSpaceError("The file store has no space left. Free some, then try again.") from error
        if "InvalidRange" in str(error) or "416" in str(error):
            raise DamagedFileError(
                f"The content {key} is shorter than it was when it was stored. Restore it from a backup."
            ) from error
        raise ObjectStoreError("The file store does not answer now; try again.") from error
