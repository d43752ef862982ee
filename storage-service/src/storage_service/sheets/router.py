"""Routes of registered spreadsheets."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response, status

from shared.web.identity import CallerIdentity
from shared.web.pagination import Page
from storage_service.dependencies import NewestFirst, ServiceResources
from storage_service.sheets.schemas import SpreadsheetBody, SpreadsheetRegistration
from storage_service.sheets.service import SheetService, create_sheet_service

router = APIRouter(prefix="/v1/spreadsheets", tags=["sheets"])
_EDITORS = ("admin", "manager", "ops")


async def get_sheet_service(resources: ServiceResources) -> SheetService:
    return create_sheet_service(resources)


Sheets = Annotated[SheetService, Depends(get_sheet_service)]


@router.post("", status_code=status.HTTP_201_CREATED, summary="Register a Google spreadsheet")
async def register_spreadsheet(
    body: SpreadsheetRegistration, response: Response, sheets: Sheets, caller: CallerIdentity
) -> SpreadsheetBody:
    """It must be shared with the service account as an editor; that is checked at once."""
    caller.require_role(*_EDITORS)
    record = await sheets.register(body.name, body.spreadsheet, caller.subject)
    response.headers["Location"] = "/v1/spreadsheets"
    return SpreadsheetBody.of(record)


@router.get("", summary="List registered spreadsheets, newest first")
async def list_spreadsheets(sheets: Sheets, page: NewestFirst) -> Page[SpreadsheetBody]:
    records = await sheets.list_page(page.limit + 1, page.before)
    return page.shaped(records, SpreadsheetBody.of)


@router.delete("/{spreadsheet_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Forget a spreadsheet")
async def remove_spreadsheet(spreadsheet_id: UUID, sheets: Sheets, caller: CallerIdentity) -> None:
    """It stays as it is at Google."""
    caller.require_role(*_EDITORS)
    await sheets.remove(spreadsheet_id)
