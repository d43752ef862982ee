"""Routes of imports."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from data_service.dependencies import ServiceResources, cursor_values
from data_service.imports.adapters.spool import Spool
from data_service.imports.domain.kinds import ImportKind
from data_service.imports.domain.records import Status
from data_service.imports.errors import FormUploadError, UploadBrokenOffError
from data_service.imports.schemas import ImportResponse, QuarantinedRowResponse
from data_service.imports.service import ImportService
from shared.web.identity import CallerIdentity, CallerScope
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1/imports", tags=["imports"])

_IMPORTERS = ("admin", "manager", "buyer", "service")
_QUARANTINE = "The list of rows set aside"
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": _BYTES}}}


async def get_import_service(resources: ServiceResources) -> ImportService:
    settings = resources.settings
    return ImportService(resources.database, Spool(settings.spool_directory, settings.import_max_bytes))


Imports = Annotated[ImportService, Depends(get_import_service)]


@router.post("", status_code=202, summary="Import a file: its bytes, plain or gzip, are the body", openapi_extra=_BODY)
async def create_import(
    imports: Imports,
    identity: CallerIdentity,
    request: Request,
    response: Response,
    kind: Annotated[ImportKind, Query(description="What the file holds.")],
    filename: Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00-\x1f]+$")] = None,
) -> ImportResponse:
    identity.require_role(*_IMPORTERS)
    identity.scope.require_unlimited("An import")
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise FormUploadError("Send the bytes of the file as the body, not a form: curl --data-binary @FILE.")
    declared = request.headers.get("content-length", "")
    try:
        record = await imports.accept(
            kind, filename, request.stream(), int(declared) if declared.isdecimal() else None, identity.subject
        )
    except ClientDisconnect as error:
        raise UploadBrokenOffError("The connection broke off during the upload; send the file again.") from error
    response.headers["Location"] = f"/v1/imports/{record.id}"
    return ImportResponse.of(record)


@router.get("", summary="List imports, newest first")
async def list_imports(
    imports: Imports, page: PageParameters, kind: ImportKind | None = None, status: Status | None = None
) -> Page[ImportResponse]:
    after = cursor_values(page, lambda value: UUID(str(value)))
    records = await imports.list_imports(
        kind=kind, status=status, limit=page.limit + 1, after=after[0] if after else None
    )
    items = [ImportResponse.of(record) for record in records[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(records) > page.limit else None)


@router.get("/{import_id}", summary="One import: status, progress, counts, rules")
async def get_import(imports: Imports, import_id: UUID) -> ImportResponse:
    return ImportResponse.of(await imports.get_import(import_id))


@router.get("/{import_id}/quarantine", summary="List the rows set aside, by line")
async def list_quarantined_rows(
    imports: Imports,
    scope: CallerScope,
    page: PageParameters,
    import_id: UUID,
    rule: Annotated[str | None, Query(max_length=50, pattern="^[a-z_]+$")] = None,
) -> Page[QuarantinedRowResponse]:
    scope.require_unlimited(_QUARANTINE)
    after = cursor_values(page, _line)
    rows = await imports.list_quarantined(
        import_id, rule=rule, limit=page.limit + 1, after_line=after[0] if after else 0
    )
    items = [
        QuarantinedRowResponse(
            line=row.line, column=row.column_name, value=row.value, reason=row.reason, rule=row.rule, row=row.raw
        )
        for row in rows[: page.limit]
    ]
    return Page(items=items, next_cursor=encode_cursor(items[-1].line) if len(rows) > page.limit else None)


@router.get(
    "/{import_id}/quarantine.csv",
    summary="Download the rows set aside",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "line, column, value, reason, rule, row"}},
)
async def download_quarantined_rows(imports: Imports, scope: CallerScope, import_id: UUID) -> StreamingResponse:
    scope.require_unlimited(_QUARANTINE)
    headers = {"Content-Disposition": f'attachment; filename="quarantine-{import_id}.csv"'}
    rows = await imports.quarantine_csv(import_id)
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)


def _line(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**62:
        raise TypeError("no line")
    return value
