"""Route of the status page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import HTMLResponse

from monitoring_service.dependencies import ServiceResources, ServiceSettingsInUse
from monitoring_service.health.service import StatusService
from monitoring_service.incidents.service import IncidentService
from monitoring_service.status_page.domain import Language, choose_language
from monitoring_service.status_page.service import StatusPageService

router = APIRouter(prefix="/v1/status-page", tags=["status page"])

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}


async def get_status_page_service(settings: ServiceSettingsInUse, resources: ServiceResources) -> StatusPageService:
    return StatusPageService(StatusService.of(settings, resources), IncidentService(resources.database))


@router.get("", summary="The state of the platform as a page", response_class=HTMLResponse)
async def show_status_page(
    page: Annotated[StatusPageService, Depends(get_status_page_service)],
    language: Annotated[Language | None, Query(description="Default: what the browser prefers.")] = None,
    accept_language: Annotated[str, Header()] = "",
) -> HTMLResponse:
    chosen = choose_language(language, accept_language)
    return HTMLResponse(await page.render(chosen), headers={**_HEADERS, "Content-Language": chosen})
