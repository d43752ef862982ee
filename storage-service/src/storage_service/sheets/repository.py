"""SQL of registered spreadsheets."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from storage_service.sheets.domain.spreadsheet import SpreadsheetRecord
from storage_service.sheets.errors import SpreadsheetNameTakenError
from storage_service.sheets.models import Spreadsheet


class SpreadsheetRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, spreadsheet: Spreadsheet) -> SpreadsheetRecord:
        """Raises: SpreadsheetNameTakenError."""
        self._session.add(spreadsheet)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise SpreadsheetNameTakenError(
                f"A spreadsheet named {spreadsheet.name!r} is registered already. Choose another name."
            ) from error
        await self._session.refresh(spreadsheet)
        return _record(spreadsheet)

    async def find_by_name(self, name: str) -> SpreadsheetRecord | None:
        found = await self._session.execute(select(Spreadsheet).where(Spreadsheet.name == name))
        spreadsheet = found.scalar_one_or_none()
        return None if spreadsheet is None else _record(spreadsheet)

    async def page(self, limit: int, before: UUID | None) -> list[SpreadsheetRecord]:
        statement = select(Spreadsheet).order_by(Spreadsheet.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(Spreadsheet.id < before)
        return [_record(spreadsheet) for spreadsheet in (await self._session.execute(statement)).scalars()]

    async def remove(self, spreadsheet_id: UUID) -> bool:
        removed = await self._session.execute(
            delete(Spreadsheet).where(Spreadsheet.id == spreadsheet_id).returning(Spreadsheet.id)
        )
        return removed.scalar_one_or_none() is not None


def _record(spreadsheet: Spreadsheet) -> SpreadsheetRecord:
    return SpreadsheetRecord(
        id=spreadsheet.id,
        name=spreadsheet.name,
        key=spreadsheet.key,
        title=spreadsheet.title,
        url=spreadsheet.url,
        registered_by=spreadsheet.registered_by,
        created_at=spreadsheet.created_at,
    )
