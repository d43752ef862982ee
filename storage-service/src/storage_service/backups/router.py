"""Routes of backups and restorations; for administrators and ops."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response, status

from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page
from storage_service.backups.schemas import BackupBody, RestorationBody, RestorationRequest
from storage_service.backups.service import BackupService, create_backup_service
from storage_service.dependencies import NewestFirst, ServiceResources

_KEEPERS = ("admin", "ops")


async def require_keeper(caller: CallerIdentity) -> None:
    caller.require_role(*_KEEPERS)


async def get_backup_service(resources: ServiceResources) -> BackupService:
    return create_backup_service(resources)


Backups = Annotated[BackupService, Depends(get_backup_service)]
router = APIRouter(prefix="/v1", tags=["backups"], dependencies=[Depends(require_keeper)])


@router.post("/backups", status_code=status.HTTP_202_ACCEPTED, summary="Back up the platform's database")
async def create_backup(
    response: Response, backups: Backups, caller: CallerIdentity, idempotency_key: IdempotencyKey = None
) -> BackupBody:
    """All schemas at one moment, encrypted; made in the background."""
    record = await backups.order(caller, idempotency_key)
    response.headers["Location"] = f"/v1/backups/{record.id}"
    return BackupBody.of(record)


@router.get("/backups", summary="List backups, newest first")
async def list_backups(backups: Backups, page: NewestFirst) -> Page[BackupBody]:
    records = await backups.list_page(page.limit + 1, page.before)
    return page.shaped(records, BackupBody.of)


@router.get("/backups/{backup_id}", summary="Describe a backup")
async def get_backup(backup_id: UUID, backups: Backups) -> BackupBody:
    return BackupBody.of(await backups.get(backup_id))


@router.post(
    "/backups/{backup_id}/restorations",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Restore a backup into a new database",
)
async def create_restoration(
    backup_id: UUID,
    response: Response,
    backups: Backups,
    caller: CallerIdentity,
    body: RestorationRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> RestorationBody:
    """Never over an existing database. What was restored is compared with the backup, table by table."""
    target = body.target_database if body is not None else None
    record = await backups.order_restoration(backup_id, target, caller, idempotency_key)
    response.headers["Location"] = f"/v1/restorations/{record.id}"
    return RestorationBody.of(record)


@router.get("/restorations", summary="List restorations, newest first")
async def list_restorations(backups: Backups, page: NewestFirst) -> Page[RestorationBody]:
    records = await backups.list_restorations(page.limit + 1, page.before)
    return page.shaped(records, RestorationBody.of)


@router.get("/restorations/{restoration_id}", summary="Describe a restoration")
async def get_restoration(restoration_id: UUID, backups: Backups) -> RestorationBody:
    return RestorationBody.of(await backups.get_restoration(restoration_id))
