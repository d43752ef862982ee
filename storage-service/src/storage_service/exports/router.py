"""Routes of exports."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response, status
from fastapi.responses import StreamingResponse

from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page
from storage_service.dependencies import NewestFirst, ServiceResources
from storage_service.exports.schemas import ExportBody, ExportRequest
from storage_service.exports.service import ExportService, create_export_service
from storage_service.files.service import DownloadConditions

router = APIRouter(prefix="/v1/exports", tags=["exports"])


async def get_export_service(resources: ServiceResources) -> ExportService:
    return create_export_service(resources)


Exports = Annotated[ExportService, Depends(get_export_service)]


@router.post("", status_code=status.HTTP_202_ACCEPTED, summary="Export the plan")
async def create_export(
    body: ExportRequest,
    response: Response,
    exports: Exports,
    caller: CallerIdentity,
    idempotency_key: IdempotencyKey = None,
) -> ExportBody:
    """Made in the background; follow the `Location`."""
    record = await exports.order(body.to_order(), caller, idempotency_key)
    response.headers["Location"] = f"/v1/exports/{record.id}"
    return ExportBody.of(record)


@router.get("", summary="List exports, newest first")
async def list_exports(exports: Exports, page: NewestFirst, caller: CallerIdentity) -> Page[ExportBody]:
    records = await exports.list_page(page.limit + 1, page.before, caller)
    return page.shaped(records, ExportBody.of)


@router.get("/{export_id}", summary="Describe an export")
async def get_export(export_id: UUID, exports: Exports, caller: CallerIdentity) -> ExportBody:
    return ExportBody.of(await exports.get(export_id, caller))


@router.get("/{export_id}/content", summary="Download an export", response_class=Response)
async def get_export_content(
    export_id: UUID,
    exports: Exports,
    caller: CallerIdentity,
    range_header: Annotated[
        str | None, Header(alias="Range", description="One range of bytes, for instance `bytes=0-1023`.")
    ] = None,
    if_range: Annotated[str | None, Header(alias="If-Range")] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    download = await exports.open(export_id, DownloadConditions(range_header, if_range, if_none_match), caller)
    return StreamingResponse(
        download.chunks, status_code=download.status, headers=download.headers, media_type=download.media_type
    )
