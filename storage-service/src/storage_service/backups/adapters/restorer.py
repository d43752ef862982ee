"""Restores a backup file into a new database and compares what came out with what went in."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from storage_service.backups.adapters import catalog
from storage_service.backups.adapters.tools import PostgresTools
from storage_service.backups.domain.encryption import BackupKey, DamagedContainerError, WrongKeyError, decrypt
from storage_service.backups.domain.manifest import DamagedManifestError, Manifest, differences, open_manifest
from storage_service.backups.errors import (
    BackupDamagedError,
    BackupNotRestorableError,
    RestoredContentDiffersError,
    WrongBackupKeyError,
)

_SHOWN_DIFFERENCES = 5


@dataclass(frozen=True)
class RestoreRequest:
    """`admin_url` may create databases; `mark` says whose attempt the new database is."""

    admin_url: str
    target: str
    mark: str
    dump: Path
    manifest: Manifest
    key: BackupKey


def read_manifest(path: Path, key: BackupKey) -> Manifest:
    """Raises: BackupNotRestorableError, BackupDamagedError, WrongBackupKeyError."""
    try:
        return open_manifest(path.read_text(encoding="utf-8"), key)
    except OSError as error:
        raise BackupNotRestorableError(
            f"The manifest {path.name} cannot be read ({error.strerror}); without it a backup cannot be proven."
        ) from error
    except WrongKeyError as error:
        raise WrongBackupKeyError(f"The manifest {path.name} cannot be opened: {error}. Give the right key.") from error
    except (DamagedManifestError, UnicodeDecodeError) as error:
        raise BackupDamagedError(f"The manifest {path.name} cannot be trusted: {error}.") from error


def checked_dump(path: Path, key: BackupKey, manifest: Manifest) -> Iterator[bytes]:
    """The decrypted dump; every piece is proven before it is handed out, the whole file at the end.

    Raises:
        WrongBackupKeyError, BackupDamagedError, BackupNotRestorableError
    """
    try:
        with path.open("rb") as file:
            reader = _HashingReader(file)
            yield from decrypt(reader, key)
            if reader.sha256() != manifest.sha256:
                raise BackupDamagedError(f"The file {path.name} is a backup, but not the one its manifest describes.")
    except WrongKeyError as error:
        raise WrongBackupKeyError(f"The backup {path.name} cannot be opened: {error}. Give the right key.") from error
    except DamagedContainerError as error:
        raise BackupDamagedError(
            f"The backup {path.name} is damaged: {error}. Nothing of it was kept; use another backup."
        ) from error
    except OSError as error:
        raise BackupNotRestorableError(f"The backup {path.name} cannot be read: {error.strerror}.") from error


class Restorer:
    def __init__(self, tools: PostgresTools) -> None:
        self._tools = tools

    async def restore(self, request: RestoreRequest, progress: Callable[[float], None]) -> None:
        """Into a database made for it; whatever fails, that database is gone afterwards.

        Raises:
            DatabaseExistsError, WrongBackupKeyError, BackupDamagedError, RestoreFailedError,
            RestoredContentDiffersError, DatabaseUnreachableError, PostgresToolsError
        """
        manifest = request.manifest
        await self._tools.require_version(await catalog.server_version(request.admin_url))
        await catalog.drop_marked_database(request.admin_url, request.target, request.mark)
        await catalog.create_missing_roles(request.admin_url, manifest.roles)
        await catalog.create_database(request.admin_url, request.target, request.mark)
        try:
            url = catalog.database_of(request.admin_url, request.target)
            await self._tools.restore(url, self._pieces(request, progress))
            progress(0.8)
            found = await catalog.read_contents(url, manifest.schemas)
            problems = differences(manifest.tables, found)
            if problems:
                raise RestoredContentDiffersError(_described(problems))
        except BaseException:
            await catalog.drop_marked_database(request.admin_url, request.target, request.mark)
            raise

    def _pieces(self, request: RestoreRequest, progress: Callable[[float], None]) -> Iterator[bytes]:
        total = max(1, request.manifest.dump_bytes)
        done = 0
        for piece in checked_dump(request.dump, request.key, request.manifest):
            yield piece
            done += len(piece)
            progress(0.8 * done / total)


def _described(problems: list[str]) -> str:
    shown = "; ".join(problems[:_SHOWN_DIFFERENCES])
    more = len(problems) - _SHOWN_DIFFERENCES
    return f"The restored database differs from the backup: {shown}" + (f" and {more} more." if more > 0 else ".")


class _HashingReader:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def sha256(self) -> str:
        return self._digest.hexdigest()
