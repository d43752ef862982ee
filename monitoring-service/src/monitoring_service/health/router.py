"""Routes of status and probes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from monitoring_service.dependencies import IdBefore, ServiceResources, ServiceSettingsInUse
from monitoring_service.health.schemas import ProbeResult, StatusReport
from monitoring_service.health.service import StatusService
from monitoring_service.settings import TargetName
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1", tags=["health"])


async def get_status_service(settings: ServiceSettingsInUse, resources: ServiceResources) -> StatusService:
    return StatusService.of(settings, resources)


Health = Annotated[StatusService, Depends(get_status_service)]


@router.get("/status", summary="The state of the platform and of each target")
async def get_status(health: Health) -> StatusReport:
    return StatusReport.of(await health.read_status())


@router.get("/probes", summary="Single probe results, newest first")
async def list_probes(
    health: Health,
    page: PageParameters,
    before: IdBefore,
    target: Annotated[TargetName | None, Query(description="Only of this target.")] = None,
    failed_only: Annotated[bool, Query(description="Only failures.")] = False,  # noqa: FBT002 -- a query parameter
) -> Page[ProbeResult]:
    rows = await health.list_results(target=target, failed_only=failed_only, before=before, limit=page.limit + 1)
    items = [ProbeResult.model_validate(row) for row in rows[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(rows) > page.limit else None)
