"""Contents in a folder or in S3, GCS or Azure, through obstore."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from storage_service.files.errors import DamagedFileError, ObjectStoreError, OutOfSpaceError

_CLIENT_OPTIONS = {"timeout": "60s", "connect_timeout": "5s"}


class _Backend(Protocol):
    """The part of obstore's stores used here; every one of them has it."""

    async def put_async(self, path: str, file: Path) -> object: ...
    async def get_range_async(self, path: str, *, start: int, end: int) -> object: ...
    async def delete_async(self, paths: str) -> None: ...
    async def head_async(self, path: str) -> object: ...


class ObjectStore:
    def __init__(self, backend: _Backend) -> None:
        self._backend = backend

    @classmethod
    def open(cls, directory: Path, url: str | None) -> "ObjectStore":
        """`url` wins over `directory`; its credentials come from the environment, as each cloud's own tools read them."""
        if url is not None:
            return cls(from_url(url, client_options=_CLIENT_OPTIONS))
        directory.mkdir(parents=True, exist_ok=True)
        return cls(LocalStore(directory, mkdir=True))

    async def put(self, key: str, path: Path) -> None:
        """Atomic: the object is whole or not there.

        Raises:
            OutOfSpaceError, ObjectStoreError
        """
        with _translated(key):
            await self._backend.put_async(key, path)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Bytes `start` … `end - 1`.

        Raises:
            DamagedFileError: the object is gone or shorter.
            ObjectStoreError
        """
        with _translated(key):
            return bytes(await self._backend.get_range_async(key, start=start, end=end))  # type: ignore[call-overload]

    async def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        try:
            with _translated(key):
                await self._backend.delete_async(key)
        except DamagedFileError:
            return

    async def check(self) -> None:
        """Asks for an object that does not exist: the store has to answer that it does not."""
        try:
            await self._backend.head_async("readiness-check")
        except FileNotFoundError:
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
