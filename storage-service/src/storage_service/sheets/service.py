"""Use cases of Google Sheets: register spreadsheets, publish tabs into them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from uuid import UUID

from shared.database.unit_of_work import Database
from storage_service.resources import Resources
from storage_service.sheets.adapters.google_client import Patience
from storage_service.sheets.adapters.publisher import GoogleSheets, Published
from storage_service.sheets.domain.patience import RetryPolicy
from storage_service.sheets.domain.spreadsheet import SpreadsheetRecord
from storage_service.sheets.domain.tabs import Tab, parse_key
from storage_service.sheets.errors import (
    InvalidSpreadsheetKeyError,
    SheetsNotConfiguredError,
    SpreadsheetNotFoundError,
    SpreadsheetNotRegisteredError,
)
from storage_service.sheets.models import Spreadsheet
from storage_service.sheets.repository import SpreadsheetRepository

_NOT_CONFIGURED = (
    "Google Sheets is not set up here. Create a Google service account, put its JSON key into a file, "
    "name that file in STORAGE_GOOGLE_CREDENTIALS_FILE, share the spreadsheet with the account's address as an editor, "
    "and restart."
)
_NOT_REGISTERED = (
    "There is no spreadsheet to write to. Register one with POST /v1/spreadsheets, name it in the request, "
    "or set STORAGE_GOOGLE_SPREADSHEET_KEY."
)
_STOP_SECONDS = 10.0


class SheetService:
    def __init__(self, database: Database, google: GoogleSheets | None, default_key: str | None) -> None:
        """`google` is None without credentials."""
        self._database = database
        self._google = google
        self._default_key = default_key

    async def register(self, name: str, key_or_url: str, registered_by: str) -> SpreadsheetRecord:
        """Looks at the spreadsheet before it is registered.

        Raises:
            SheetsNotConfiguredError, InvalidSpreadsheetKeyError, SpreadsheetNotFoundError, SpreadsheetNameTakenError
        """
        google = self._require_google()
        key = parse_key(key_or_url)
        if key is None:
            raise InvalidSpreadsheetKeyError(
                "Give the spreadsheet's address, or its key: the long part of the address between /d/ and /edit."
            )
        info = await asyncio.to_thread(google.describe, key)
        async with self._database.unit_of_work() as work:
            spreadsheet = Spreadsheet(name=name, key=key, title=info.title, url=info.url, registered_by=registered_by)
            record = await SpreadsheetRepository(work.session).add(spreadsheet)
            await work.commit()
        return record

    async def list_page(self, limit: int, before: UUID | None) -> list[SpreadsheetRecord]:
        async with self._database.unit_of_work() as work:
            return await SpreadsheetRepository(work.session).page(limit, before)

    async def remove(self, spreadsheet_id: UUID) -> None:
        """Forgets the spreadsheet; it stays as it is at Google."""
        async with self._database.unit_of_work() as work:
            if not await SpreadsheetRepository(work.session).remove(spreadsheet_id):
                raise SpreadsheetNotFoundError(f"No spreadsheet {spreadsheet_id} is registered.")
            await work.commit()

    async def resolve(self, name: str | None) -> str:
        """The key to write to: the named spreadsheet, else the one of the settings, else the only registered one.

        Raises:
            SheetsNotConfiguredError, SpreadsheetNotRegisteredError
        """
        self._require_google()
        async with self._database.unit_of_work() as work:
            spreadsheets = SpreadsheetRepository(work.session)
            if name is not None:
                found = await spreadsheets.find_by_name(name)
                if found is None:
                    raise SpreadsheetNotRegisteredError(
                        f"No spreadsheet is registered under the name {name!r}. See GET /v1/spreadsheets."
                    )
                return found.key
            if self._default_key is not None:
                return self._default_key
            registered = await spreadsheets.page(2, None)
        if len(registered) != 1:
            raise SpreadsheetNotRegisteredError(
                _NOT_REGISTERED if not registered else "Several spreadsheets are registered; name one in the request."
            )
        return registered[0].key

    async def publish(self, key: str, tabs: Sequence[Tab], progress: Callable[[int], None]) -> Published:
        """Writes the tabs so that readers see the old ones or the new ones; cancelling stops between two calls."""
        google = self._require_google()
        stop = threading.Event()
        writing = asyncio.create_task(asyncio.to_thread(google.publish, key, tabs, progress, stop))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait({writing}, timeout=_STOP_SECONDS)
            raise

    def _require_google(self) -> GoogleSheets:
        if self._google is None:
            raise SheetsNotConfiguredError(_NOT_CONFIGURED)
        return self._google


def create_sheet_service(resources: Resources) -> SheetService:
    settings = resources.settings
    google = None
    if settings.google_credentials_file is not None:
        patience = Patience(RetryPolicy(deadline_seconds=settings.google_deadline_seconds))
        google = GoogleSheets(settings.google_credentials_file, patience, settings.google_base_url)
    return SheetService(resources.database, google, settings.google_spreadsheet_key)
