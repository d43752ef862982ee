"""The folder of backups: an encrypted dump and its manifest per backup, both there or neither claimed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from storage_service.backups.domain.encryption import BackupKey, EncryptingWriter, KeyFormatError
from storage_service.backups.errors import BackupKeyError, BackupStoreError

DUMP_ENDING = ".dump"
MANIFEST_ENDING = ".json"
_PARTIAL_ENDING = ".partial"


def load_key(path: Path, vault: Path) -> BackupKey:
    """Raises: BackupKeyError."""
    if path.resolve().is_relative_to(vault.resolve()):
        raise BackupKeyError(
            "The key lies among the backups it protects. Move it out of STORAGE_BACKUPS_DIRECTORY "
            "and set STORAGE_BACKUP_KEY_FILE to its new place."
        )
    try:
        return BackupKey.parse(path.read_bytes())
    except OSError as error:
        raise BackupKeyError(
            f"The file of STORAGE_BACKUP_KEY_FILE cannot be read ({error.strerror}). "
            "Make one with: python -m storage_service.backups generate-key FILE"
        ) from error
    except KeyFormatError as error:
        raise BackupKeyError(f"The file of STORAGE_BACKUP_KEY_FILE does not hold a key: {error}.") from error


@dataclass(frozen=True)
class Vault:
    directory: Path

    def dump_path(self, name: str) -> Path:
        return self.directory / (name + DUMP_ENDING)

    def manifest_path(self, name: str) -> Path:
        return self.directory / (name + MANIFEST_ENDING)

    @contextmanager
    def writing(self, name: str, key: BackupKey) -> Iterator[EncryptingWriter]:
        """The dump appears under its name when the block is left well, safely on disk; else nothing of it stays.

        Raises:
            BackupStoreError: for instance when the disk is full.
        """
        partial = self.directory / (name + _PARTIAL_ENDING)
        with self._all_or_nothing(partial):
            with _stored():
                self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                file = _StoredFile(partial.open("xb"))
            try:
                yield EncryptingWriter(file, key)
                file.sync()
            finally:
                file.close()
            with _stored():
                partial.rename(self.dump_path(name))
                self._sync()

    def write_manifest(self, name: str, document: str) -> None:
        """Raises: BackupStoreError."""
        partial = self.directory / (name + MANIFEST_ENDING + _PARTIAL_ENDING)
        with self._all_or_nothing(partial), _stored():
            with partial.open("x", encoding="utf-8") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self.manifest_path(name))
            self._sync()

    def remove(self, name: str) -> None:
        for path in (self.dump_path(name), self.manifest_path(name)):
            path.unlink(missing_ok=True)

    def remove_attempts(self, backup_id: str) -> None:
        """Whatever earlier attempts of this backup left behind when their process died."""
        for path in self.directory.glob(f"*-{backup_id}.*"):
            path.unlink(missing_ok=True)

    @contextmanager
    def _all_or_nothing(self, partial: Path) -> Iterator[None]:
        try:
            yield
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _sync(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _StoredFile:
    """A failing write is told apart from whatever else fails while a backup is made."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes, /) -> object:
        with _stored():
            return self._file.write(data)

    def sync(self) -> None:
        with _stored():
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with _stored():
            self._file.close()


@contextmanager
def _stored() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupStoreError(
            f"The backup could not be written: {error.strerror or error}. Free space in, or repair, the folder of "
            "STORAGE_BACKUPS_DIRECTORY; nothing of this backup was kept."
        ) from error
