"""Routes of the audit trail."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.audit.schemas import AuditEntryBody
from gateway.audit.service import AuditService
from gateway.dependencies import NewestFirst, ServiceResources
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("", summary="List audit entries, newest first")
async def list_audit_entries(
    resources: ServiceResources,
    caller: CallerIdentity,
    page: NewestFirst,
    action: Annotated[str | None, Query(max_length=100, description="Only this action.")] = None,
    actor_id: Annotated[str | None, Query(max_length=100, description="Only what this actor did.")] = None,
) -> Page[AuditEntryBody]:
    caller.require_role("admin", "ops")
    entries = await AuditService(resources.database).list_page(
        limit=page.limit + 1, before=page.before, action=action, actor_id=actor_id
    )
    return page.shaped(entries, AuditEntryBody.of)
