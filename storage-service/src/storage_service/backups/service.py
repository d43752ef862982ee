"""Use cases of backups: ask for one, follow it, ask for its restoration, let old ones go."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database, UnitOfWork
from shared.web.identity import Identity
from storage_service.backups.adapters import catalog
from storage_service.backups.adapters.tools import PostgresTools
from storage_service.backups.adapters.vault import Vault, load_key
from storage_service.backups.domain.encryption import BackupKey
from storage_service.backups.domain.names import default_database_name, is_valid_database_name
from storage_service.backups.domain.records import BackupRecord, RestorationRecord
from storage_service.backups.domain.retention import to_remove
from storage_service.backups.errors import (
    BackupNotFoundError,
    BackupNotRestorableError,
    BackupsNotConfiguredError,
    DatabaseExistsError,
    InvalidDatabaseNameError,
    RestorationNotFoundError,
)
from storage_service.backups.repository import BackupRepository, RestorationRepository
from storage_service.resources import Resources
from storage_service.settings import Settings


@dataclass(frozen=True)
class BackupConfiguration:
    """What making and restoring backups needs; complete, or `require_configuration` says what is missing."""

    database_url: str
    key: BackupKey
    vault: Vault
    tools: PostgresTools
    schemas: tuple[str, ...]
    kept: int


def require_configuration(settings: Settings) -> BackupConfiguration:
    """Reads the key file. Raises: BackupsNotConfiguredError, BackupKeyError."""
    wanted = {
        "STORAGE_BACKUP_DATABASE_URL (a PostgreSQL role that may read every schema and create databases)": (
            settings.backup_database_url
        ),
        "STORAGE_BACKUP_KEY_FILE (make one with: python -m storage_service.backups generate-key FILE)": (
            settings.backup_key_file
        ),
    }
    missing = [name for name, value in wanted.items() if value is None]
    if settings.backup_database_url is None or settings.backup_key_file is None:
        raise BackupsNotConfiguredError(f"Backups are not set up. Set {' and '.join(missing)}, then restart.")
    return BackupConfiguration(
        database_url=settings.backup_database_url.get_secret_value(),
        key=load_key(settings.backup_key_file, settings.backups_directory),
        vault=Vault(settings.backups_directory),
        tools=PostgresTools(settings.pg_bin_directory),
        schemas=settings.backup_schemas,
        kept=settings.backups_kept,
    )


class BackupService:
    def __init__(self, database: Database, idempotent: IdempotentRequests, settings: Settings) -> None:
        self._database = database
        self._idempotent = idempotent
        self._settings = settings

    async def order(self, caller: Identity, idempotency_key: str | None) -> BackupRecord:
        """Raises: BackupsNotConfiguredError, BackupKeyError, PostgresToolsError."""
        configuration = await asyncio.to_thread(require_configuration, self._settings)
        await configuration.tools.version()
        async with self._database.unit_of_work() as work:
            first = await self._first(work, caller, idempotency_key, fingerprint("create_backup", None))
            if first is not None:
                return await self.get(first)
            backup_id = await BackupRepository(work.session).add(caller.subject)
            await self._remember(work, caller, idempotency_key, backup_id)
            await work.commit()
        return await self.get(backup_id)

    async def order_if_due(self, interval_seconds: float) -> None:
        """The scheduled backup: at most one in an interval, counted from whatever backup was asked for last."""
        await asyncio.to_thread(require_configuration, self._settings)
        async with self._database.unit_of_work() as work:
            backups = BackupRepository(work.session)
            if not await backups.asked_within(interval_seconds):
                await backups.add(None)
                await work.commit()

    async def get(self, backup_id: UUID) -> BackupRecord:
        async with self._database.unit_of_work() as work:
            record = await BackupRepository(work.session).find(backup_id)
        if record is None:
            raise BackupNotFoundError(f"There is no backup {backup_id}.")
        return record

    async def list_page(self, limit: int, before: UUID | None) -> list[BackupRecord]:
        async with self._database.unit_of_work() as work:
            return await BackupRepository(work.session).page(limit, before)

    async def order_restoration(
        self, backup_id: UUID, target_database: str | None, caller: Identity, idempotency_key: str | None
    ) -> RestorationRecord:
        """Into a database that does not exist yet.

        Raises:
            BackupNotFoundError, BackupNotRestorableError, InvalidDatabaseNameError, DatabaseExistsError,
            BackupsNotConfiguredError, BackupKeyError, PostgresToolsError, DatabaseUnreachableError
        """
        if target_database is not None and not is_valid_database_name(target_database):
            raise InvalidDatabaseNameError(
                "A restored database's name has lower-case letters, digits and underscores, begins with a letter, "
                "has at most 63 characters and is not one of PostgreSQL's own."
            )
        configuration = await asyncio.to_thread(require_configuration, self._settings)
        await configuration.tools.version()
        await asyncio.to_thread(_require_file, await self.get(backup_id), configuration.vault)
        request = fingerprint("create_restoration", [str(backup_id), target_database])
        target = target_database or default_database_name(datetime.now(UTC))
        exists = await catalog.database_exists(configuration.database_url, target)
        async with self._database.unit_of_work() as work:
            first = await self._first(work, caller, idempotency_key, request)
            if first is not None:
                return await self.get_restoration(first)
            restorations = RestorationRepository(work.session)
            if exists or await restorations.is_targeted(target):
                raise DatabaseExistsError(
                    f"The database {target} exists already, or is being restored. Choose another name; "
                    "nothing is ever restored over an existing database."
                )
            restoration_id = await restorations.add(backup_id, target, caller.subject)
            await self._remember(work, caller, idempotency_key, restoration_id)
            await work.commit()
        return await self.get_restoration(restoration_id)

    async def get_restoration(self, restoration_id: UUID) -> RestorationRecord:
        async with self._database.unit_of_work() as work:
            record = await RestorationRepository(work.session).find(restoration_id)
        if record is None:
            raise RestorationNotFoundError(f"There is no restoration {restoration_id}.")
        return record

    async def list_restorations(self, limit: int, before: UUID | None) -> list[RestorationRecord]:
        async with self._database.unit_of_work() as work:
            return await RestorationRepository(work.session).page(limit, before)

    async def let_old_ones_go(self) -> None:
        """Marks before it deletes: a backup that is listed as there is there."""
        vault = Vault(self._settings.backups_directory)
        async with self._database.unit_of_work() as work:
            backups = BackupRepository(work.session)
            names = []
            for backup_id in to_remove(await backups.stored(), self._settings.backups_kept):
                record = await backups.find(backup_id)
                names += [record.file_name] if record is not None and record.file_name else []
                await backups.set(backup_id, status="expired")
            await work.commit()
        for name in names:
            await asyncio.to_thread(vault.remove, Path(name).stem)

    async def _first(self, work: UnitOfWork, caller: Identity, key: str | None, request: str) -> UUID | None:
        if key is None:
            return None
        first = await self._idempotent.claim(work, caller=caller.subject, key=key, request=request)
        return None if first is None else UUID(first["id"])

    async def _remember(self, work: UnitOfWork, caller: Identity, key: str | None, job_id: UUID) -> None:
        if key is not None:
            await self._idempotent.remember(work, caller=caller.subject, key=key, response={"id": str(job_id)})


def _require_file(record: BackupRecord, vault: Vault) -> None:
    if record.status != "completed" or record.file_name is None:
        raise BackupNotRestorableError(
            f"The backup is {record.status}; only a completed one can be restored."
            if record.status != "expired"
            else "Retention removed this backup's files; choose a newer one."
        )
    if not (vault.directory / record.file_name).is_file():
        raise BackupNotRestorableError(
            f"The file {record.file_name} is not in the folder of STORAGE_BACKUPS_DIRECTORY. "
            "Bring it back there, or choose another backup."
        )


def create_backup_service(resources: Resources) -> BackupService:
    return BackupService(resources.database, resources.idempotent, resources.settings)
