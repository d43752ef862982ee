"""Routes of the audit trail."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from gateway.audit.adapters import FORMS
from gateway.audit.dependencies import Audit, AuditPage, AuditPeriod, AuditSearch, RequestActor, RequestOrigin
from gateway.audit.domain.entries import Entry
from gateway.audit.errors import InvalidPeriodError
from gateway.audit.schemas import AuditEntryBody, VerificationBody
from shared.errors import FieldError
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page, encode_cursor

router = APIRouter(prefix="/v1/audit", tags=["audit"])
_FILE = {
    "content": {"application/x-ndjson": {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}}
}


@router.get("", summary="Search the audit trail, newest first")
async def list_audit_entries(
    audit: Audit, caller: CallerIdentity, search: AuditSearch, page: AuditPage
) -> Page[AuditEntryBody]:
    caller.require_role("admin", "ops")
    found = await audit.list_page(search, before=page.before, limit=page.limit + 1)
    shown = found[: page.limit]
    cursor = encode_cursor(shown[-1].day, shown[-1].sequence) if len(found) > page.limit else None
    return Page(items=[AuditEntryBody.of(link) for link in shown], next_cursor=cursor)


@router.get(
    "/export",
    summary="Export the audit trail of a period, oldest first",
    response_class=StreamingResponse,
    responses={200: {"description": "The entries; NDJSON can be verified offline.", **_FILE}},
)
async def export_audit_entries(
    audit: Audit,
    caller: CallerIdentity,
    actor: RequestActor,
    origin: RequestOrigin,
    period: AuditPeriod,
    format: Annotated[Literal["ndjson", "csv"], Query()] = "ndjson",  # noqa: A002 -- the parameter's name outside
) -> StreamingResponse:
    caller.require_role("admin", "ops")
    form = FORMS[format]
    details = {"start": period.start.isoformat(), "end": period.end.isoformat(), "format": format}
    await audit.record(Entry("audit.exported", True, origin, actor, details=details))

    async def pieces() -> AsyncIterator[str]:
        async with aclosing(audit.export(form, period.start, period.end)) as export:
            async for piece in export:
                yield piece

    name = f"audit-{period.start:%Y%m%d}-{period.end:%Y%m%d}.{form.ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces(), media_type=form.media_type, headers=headers)


@router.get("/verification", summary="Follow the chain of the audit trail and name the first break")
async def verify_audit_trail(
    audit: Audit,
    caller: CallerIdentity,
    actor: RequestActor,
    origin: RequestOrigin,
    start_day: Annotated[date | None, Query(description="First UTC day; from the beginning without it.")] = None,
    end_day: Annotated[date | None, Query(description="Last UTC day, included; to the end without it.")] = None,
) -> VerificationBody:
    caller.require_role("admin", "ops")
    if start_day is not None and end_day is not None and end_day < start_day:
        raise InvalidPeriodError(
            "`end_day` must not be before `start_day`.",
            errors=[FieldError("before `start_day`", parameter="end_day")],
        )
    return VerificationBody.of(await audit.verify(start_day, end_day, actor=actor, origin=origin))
