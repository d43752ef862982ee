"""Routes of incidents."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from monitoring_service.dependencies import IdBefore, ServiceResources
from monitoring_service.incidents.domain import IncidentState
from monitoring_service.incidents.schemas import Acknowledgement, IncidentDetail, IncidentSummary
from monitoring_service.incidents.service import IncidentService
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])


async def get_incident_service(resources: ServiceResources) -> IncidentService:
    return IncidentService(resources.database)


Incidents = Annotated[IncidentService, Depends(get_incident_service)]


@router.get("", summary="Incidents, newest first")
async def list_incidents(
    incidents: Incidents,
    page: PageParameters,
    before: IdBefore,
    state: Annotated[IncidentState | None, Query(description="Only open or only resolved ones.")] = None,
) -> Page[IncidentSummary]:
    rows = await incidents.list_incidents(state=state, before=before, limit=page.limit + 1)
    more = len(rows) > page.limit
    items = [IncidentSummary.model_validate(row) for row in rows[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if more else None)


@router.get("/{incident_id}", summary="One incident with its timeline")
async def get_incident(incident_id: UUID, incidents: Incidents) -> IncidentDetail:
    return IncidentDetail.model_validate(await incidents.get_incident(incident_id))


@router.post("/{incident_id}/acknowledgement", summary="Take an incident over, with a note")
async def acknowledge_incident(
    incident_id: UUID, body: Acknowledgement, incidents: Incidents, caller: CallerIdentity
) -> IncidentDetail:
    caller.require_role("admin", "ops")
    incident = await incidents.acknowledge(incident_id, person=caller.name or caller.subject, note=body.note)
    return IncidentDetail.model_validate(incident)
