"""Routes of files."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page
from storage_service.dependencies import NewestFirst
from storage_service.files.dependencies import Conditions, Files
from storage_service.files.schemas import FileBody

router = APIRouter(prefix="/v1/files", tags=["files"])

_BINARY_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=status.HTTP_201_CREATED, summary="Upload a file", openapi_extra=_BINARY_BODY)
async def upload_file(
    request: Request,
    response: Response,
    files: Files,
    caller: CallerIdentity,
    filename: Annotated[str, Query(min_length=1, max_length=255, description="The file's name, without a path.")],
    idempotency_key: IdempotencyKey = None,
) -> FileBody:
    """The body is the file, as it is. Equal contents are kept once."""
    record = await files.upload(request.stream(), filename, caller, idempotency_key)
    response.headers["Location"] = f"/v1/files/{record.id}"
    return FileBody.of(record)


@router.get("", summary="List files, newest first")
async def list_files(files: Files, page: NewestFirst, caller: CallerIdentity) -> Page[FileBody]:
    records = await files.list_page(page.limit + 1, page.before, caller)
    return page.shaped(records, FileBody.of)


@router.get("/{file_id}", summary="Describe a file")
async def get_file(file_id: UUID, files: Files, caller: CallerIdentity) -> FileBody:
    return FileBody.of(await files.get(file_id, caller))


@router.get("/{file_id}/content", summary="Download a file", response_class=Response)
async def get_file_content(file_id: UUID, files: Files, conditions: Conditions, caller: CallerIdentity) -> Response:
    """Whole or one range of it; every part is compared with its stored SHA-256 before it is sent."""
    download = await files.open(file_id, conditions, caller)
    return StreamingResponse(
        download.chunks, status_code=download.status, headers=download.headers, media_type=download.media_type
    )


@router.delete("/{file_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a file")
async def delete_file(file_id: UUID, files: Files, caller: CallerIdentity) -> None:
    await files.delete(file_id, caller)
