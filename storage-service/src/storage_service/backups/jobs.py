"""Makes the backups and restorations that were asked for, and the scheduled ones."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prometheus_client import Gauge, Histogram

from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.storage import BackupCompletedV1, BackupFailedV1, BackupVerifiedV1
from storage_service.backups.adapters.catalog import Snapshot, exported_snapshot
from storage_service.backups.adapters.restorer import Restorer, RestoreRequest, read_manifest
from storage_service.backups.adapters.vault import DUMP_ENDING
from storage_service.backups.domain.encryption import EncryptingWriter
from storage_service.backups.domain.manifest import Manifest, TableContent
from storage_service.backups.errors import (
    BackupNotRestorableError,
    BackupStoreError,
    DumpFailedError,
)
from storage_service.backups.models import Backup, Restoration
from storage_service.backups.repository import BackupRepository, RestorationRepository
from storage_service.backups.service import BackupConfiguration, create_backup_service, require_configuration
from storage_service.leases.domain import Lease, LeasePolicy
from storage_service.leases.service import LeaseService
from storage_service.resources import Resources
from storage_service.settings import Settings

BACKUP_DURATION = Histogram(
    "storage_backup_duration_seconds",
    "Time a backup took.",
    buckets=(1, 5, 15, 60, 180, 600, 1800, 7200),
)
RESTORATION_DURATION = Histogram(
    "storage_restoration_duration_seconds",
    "Time a restoration took, comparison of the contents included.",
    buckets=(1, 5, 15, 60, 180, 600, 1800, 7200),
)
LAST_SUCCESS = Gauge("storage_backup_last_success_timestamp_seconds", "When the newest backup ended, Unix time.")
LAST_VERIFIED = Gauge(
    "storage_backup_last_verified_timestamp_seconds", "When a backup was last proven by a restore, Unix time."
)
LAST_SIZE = Gauge("storage_backup_size_bytes", "Size of the newest backup.")

_STEP_BYTES = 64 << 20
_PHASES = {BackupStoreError.code: "store"}


@dataclass(frozen=True)
class Dumped:
    sha256: str
    size_bytes: int
    dump_bytes: int
    tables: tuple[TableContent, ...]


class BackupProducer:
    """Handles leased backup jobs."""

    def __init__(self, database: Database, leases: LeaseService[Backup], settings: Settings) -> None:
        self._database = database
        self._leases = leases
        self._settings = settings

    async def run(self, lease: Lease) -> None:
        began = datetime.now(UTC)
        configuration = await asyncio.to_thread(require_configuration, self._settings)
        vault = configuration.vault
        name = f"backup-{began:%Y%m%dT%H%M%SZ}-{lease.job_id.hex}"
        await asyncio.to_thread(vault.remove_attempts, lease.job_id.hex)
        try:
            manifest = await self._write(configuration, lease, name)
            await asyncio.to_thread(vault.write_manifest, name, manifest.seal(configuration.key))
            await self._complete(lease, manifest, began)
        except BaseException:
            vault.remove(name)
            raise
        BACKUP_DURATION.observe((datetime.now(UTC) - began).total_seconds())

    async def on_failed(self, work: UnitOfWork, job_id: UUID, problem: dict[str, Any]) -> None:
        phase = _PHASES.get(problem["code"], "dump")
        event = BackupFailedV1(backup_id=job_id, phase=phase, code=problem["code"], detail=problem["detail"])
        await work.publish(event, subject=str(job_id))

    async def _write(self, configuration: BackupConfiguration, lease: Lease, name: str) -> Manifest:
        url = configuration.database_url
        async with exported_snapshot(url, configuration.schemas) as snapshot:
            version = await configuration.tools.require_version(snapshot.server_version)
            with configuration.vault.writing(name, configuration.key) as writer:
                dumped = await self._dump(configuration, snapshot, writer, lease)
        return Manifest(
            backup_id=str(lease.job_id),
            file_name=name + DUMP_ENDING,
            sha256=dumped.sha256,
            size_bytes=dumped.size_bytes,
            dump_bytes=dumped.dump_bytes,
            key_id=configuration.key.id,
            database=snapshot.database,
            schemas=snapshot.schemas,
            roles=snapshot.roles,
            server_version=snapshot.server_version,
            dump_version=version,
            consistent_at=snapshot.consistent_at,
            tables=dumped.tables,
        )

    async def _dump(
        self, configuration: BackupConfiguration, snapshot: Snapshot, writer: EncryptingWriter, lease: Lease
    ) -> Dumped:
        """The rows are counted and hashed while pg_dump reads them, both in the same snapshot."""
        counting = asyncio.create_task(snapshot.contents())
        try:
            async for piece in configuration.tools.dump(configuration.database_url, snapshot.id, snapshot.schemas):
                await asyncio.to_thread(writer.write, piece)
                lease.report(0.9 * (1 - 1 / (1 + writer.plain_bytes / _STEP_BYTES)))  # the end is not known
            sha256 = await asyncio.to_thread(writer.finish)
            tables = await counting
        finally:
            counting.cancel()
            await asyncio.wait({counting})
        if not writer.plain_bytes:
            raise DumpFailedError("pg_dump ended well but wrote nothing.")
        return Dumped(sha256, writer.size_bytes, writer.plain_bytes, tables)

    async def _complete(self, lease: Lease, manifest: Manifest, began: datetime) -> None:
        async with self._database.unit_of_work() as work:
            await self._leases.complete(work, lease)
            await BackupRepository(work.session).set(
                lease.job_id,
                file_name=manifest.file_name,
                size_bytes=manifest.size_bytes,
                sha256=manifest.sha256,
                key_id=manifest.key_id,
                schemas=list(manifest.schemas),
                tables=len(manifest.tables),
                rows=manifest.rows,
                server_version=manifest.server_version,
                consistent_at=manifest.consistent_at,
            )
            event = BackupCompletedV1(
                backup_id=lease.job_id,
                owners=list(manifest.schemas),
                size_bytes=manifest.size_bytes,
                sha256=manifest.sha256,
                consistent_at=manifest.consistent_at,
                duration_seconds=(datetime.now(UTC) - began).total_seconds(),
            )
            await work.publish(event, subject=str(lease.job_id))
            await work.commit()


class RestorationProducer:
    """Handles leased restoration jobs."""

    def __init__(self, database: Database, leases: LeaseService[Restoration], settings: Settings) -> None:
        self._database = database
        self._leases = leases
        self._settings = settings

    async def run(self, lease: Lease) -> None:
        began = datetime.now(UTC)
        configuration = await asyncio.to_thread(require_configuration, self._settings)
        async with self._database.unit_of_work() as work:
            restoration = await RestorationRepository(work.session).find(lease.job_id)
            assert restoration is not None  # noqa: S101 -- jobs are never deleted
            backup = await BackupRepository(work.session).find(restoration.backup_id)
        if backup is None or backup.file_name is None:
            raise BackupNotRestorableError("The backup has no file any more; choose another one.")
        vault, name = configuration.vault, Path(backup.file_name).stem
        manifest = await asyncio.to_thread(read_manifest, vault.manifest_path(name), configuration.key)
        request = RestoreRequest(
            admin_url=configuration.database_url,
            target=restoration.target_database,
            mark=f"procurement restoration {lease.job_id}",
            dump=vault.dump_path(name),
            manifest=manifest,
            key=configuration.key,
        )
        await Restorer(configuration.tools).restore(request, lease.report)
        await self._complete(lease, backup.id, manifest, began)
        RESTORATION_DURATION.observe((datetime.now(UTC) - began).total_seconds())

    async def on_failed(self, work: UnitOfWork, job_id: UUID, problem: dict[str, Any]) -> None:
        restoration = await RestorationRepository(work.session).find(job_id)
        assert restoration is not None  # noqa: S101 -- jobs are never deleted
        event = BackupFailedV1(
            backup_id=restoration.backup_id, phase="verify", code=problem["code"], detail=problem["detail"]
        )
        await work.publish(event, subject=str(restoration.backup_id))

    async def _complete(self, lease: Lease, backup_id: UUID, manifest: Manifest, began: datetime) -> None:
        now = datetime.now(UTC)
        async with self._database.unit_of_work() as work:
            await self._leases.complete(work, lease)
            await RestorationRepository(work.session).set(lease.job_id, tables=len(manifest.tables), rows=manifest.rows)
            await BackupRepository(work.session).set(backup_id, verified_at=now)
            event = BackupVerifiedV1(
                backup_id=backup_id,
                tables=len(manifest.tables),
                rows=manifest.rows,
                duration_seconds=(now - began).total_seconds(),
            )
            await work.publish(event, subject=str(backup_id))
            await work.commit()


class BackupJobs:
    """The background tasks of backups."""

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        policy = LeasePolicy(seconds=settings.job_lease_seconds, poll_seconds=settings.job_poll_seconds, max_attempts=2)
        self._settings = settings
        self._database = resources.database
        self._backup_leases = LeaseService(resources.database, Backup, policy)
        self._restoration_leases = LeaseService(resources.database, Restoration, policy)
        self._backups = BackupProducer(resources.database, self._backup_leases, settings)
        self._restorations = RestorationProducer(resources.database, self._restoration_leases, settings)
        self._service = create_backup_service(resources)

    async def run_backups(self) -> None:
        await self._backup_leases.run_for_ever(self._backups)

    async def run_restorations(self) -> None:
        await self._restoration_leases.run_for_ever(self._restorations)

    async def run_next(self) -> bool:
        """One job of either kind, or False when none waits."""
        return await self._backup_leases.run_next(self._backups) or await self._restoration_leases.run_next(
            self._restorations
        )

    async def maintain(self) -> None:
        """Asks for the scheduled backup when it is due, lets old ones go."""
        if self._settings.backup_interval_hours > 0 and self._settings.backup_database_url is not None:
            await self._service.order_if_due(self._settings.backup_interval_hours * 3600)
        await self._service.let_old_ones_go()

    async def show_figures_for_ever(self) -> None:
        """In every replica, from its start on: a figure that is missing looks like a backup that is missing."""
        while True:
            await self.show_figures()
            await asyncio.sleep(self._settings.maintenance_interval_seconds)

    async def show_figures(self) -> None:
        async with self._database.unit_of_work() as work:
            newest, verified_at = await BackupRepository(work.session).newest()
        if newest is not None and newest.finished_at is not None:
            LAST_SUCCESS.set(newest.finished_at.timestamp())
            LAST_SIZE.set(newest.size_bytes or 0)
        if verified_at is not None:
            LAST_VERIFIED.set(verified_at.timestamp())
