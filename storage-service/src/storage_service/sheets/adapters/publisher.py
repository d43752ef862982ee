"""Publishes tabs into a spreadsheet. Blocking: runs in a worker thread."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.oauth2.service_account import Credentials
from gspread.exceptions import APIError

from shared.observability.logging import get_logger
from storage_service.sheets.adapters.google_client import Patience, PatientHTTPClient
from storage_service.sheets.domain.patience import PatienceExhaustedError, RetryPolicy
from storage_service.sheets.domain.tabs import (
    MAX_CELLS,
    Placement,
    Tab,
    add_requests,
    is_abandoned,
    swap_requests,
    temporary_title,
    value_batches,
)
from storage_service.sheets.errors import (
    GoogleCredentialsError,
    GoogleQuotaError,
    GoogleRefusedError,
    GoogleUnavailableError,
    SheetsNotConfiguredError,
    SpreadsheetFullError,
    SpreadsheetNotFoundError,
    SpreadsheetNotSharedError,
)

_SCOPES = ("https://www.googleapis.com/auth/spreadsheets",)
_METADATA_FIELDS = "spreadsheetId,spreadsheetUrl,properties.title,sheets.properties"
_SWAP_ATTEMPTS = 3
_CLEAR_AWAY_SECONDS = 20.0
_NO_KEY_FILE = (
    "The file in STORAGE_GOOGLE_CREDENTIALS_FILE cannot be read as a JSON object. "
    "Put the JSON key of a Google service account there."
)
_log = get_logger(__name__)


@dataclass(frozen=True)
class SpreadsheetInfo:
    key: str
    title: str
    url: str
    sheets: dict[str, int]
    cells: int


@dataclass(frozen=True)
class Published:
    url: str
    calls: int


class GoogleSheets:
    """One service account. Every method raises the feature's errors only, and StoppedError once `stop` is set."""

    def __init__(self, credentials_file: Path, patience: Patience, base_url: str | None) -> None:
        self._credentials_file = credentials_file
        self._patience = patience
        self._base_url = base_url

    def describe(self, key: str) -> SpreadsheetInfo:
        with self._session(key, threading.Event()) as http:
            return _info(http, key)

    def publish(
        self, key: str, tabs: Sequence[Tab], progress: Callable[[int], None], stop: threading.Event
    ) -> Published:
        """`progress` is called with the rows written so far. On failure the spreadsheet is as it was before."""
        with self._session(key, stop) as http:
            info = _info(http, key)
            _check_room(info, tabs)
            now = datetime.now(UTC)
            placements = [_placement(tab, now) for tab in tabs]
            abandoned = [sheet_id for title, sheet_id in info.sheets.items() if is_abandoned(title, now)]
            try:
                self._add(http, key, placements, abandoned)
                written = 0
                for placement in placements:
                    for body in value_batches(placement):
                        http.values_batch_update(key, body=body)
                        written += len(body["data"][0]["values"])
                        progress(written)
                self._swap(http, key, placements)
            except BaseException:
                self._clear_away(key, placements)
                raise
            return Published(f"{info.url}#gid={placements[0].sheet_id}", http.calls)

    def _add(
        self, http: PatientHTTPClient, key: str, placements: Sequence[Placement], abandoned: Sequence[int]
    ) -> None:
        try:
            http.batch_update(key, {"requests": add_requests(placements, abandoned)})
        except APIError as error:
            # A repeat after a lost answer: the tabs are there already.
            if error.response.status_code != 400 or not _present(_info(http, key), placements):
                raise

    def _swap(self, http: PatientHTTPClient, key: str, placements: Sequence[Placement]) -> None:
        for attempt in range(1, _SWAP_ATTEMPTS + 1):
            info = _info(http, key)
            if all(info.sheets.get(placement.tab.title) == placement.sheet_id for placement in placements):
                return
            try:
                http.batch_update(key, {"requests": swap_requests(placements, info.sheets)})
            except APIError as error:
                # Somebody changed the tabs between the look and the swap, or the answer of a done swap was lost.
                if error.response.status_code != 400 or attempt == _SWAP_ATTEMPTS:
                    raise
            else:
                return

    def _clear_away(self, key: str, placements: Sequence[Placement]) -> None:
        """Best effort, quickly: what stays is removed by the next export after an hour."""
        hurried = replace(self._patience, policy=RetryPolicy(deadline_seconds=_CLEAR_AWAY_SECONDS))
        try:
            with self._session(key, threading.Event(), hurried) as http:
                present = set(_info(http, key).sheets.items())
                ids = [p.sheet_id for p in placements if (p.temporary_title, p.sheet_id) in present]
                if ids:
                    http.batch_update(key, {"requests": [{"deleteSheet": {"sheetId": sheet_id}} for sheet_id in ids]})
        except Exception as error:  # noqa: BLE001 -- the first failure is the one to report
            _log.warning("temporary_tabs_left", error=str(error))

    @contextmanager
    def _session(
        self, key: str, stop: threading.Event, patience: Patience | None = None
    ) -> Iterator[PatientHTTPClient]:
        account = self._account()
        try:
            credentials = Credentials.from_service_account_info(account, scopes=_SCOPES)  # type: ignore[no-untyped-call]
        except (ValueError, GoogleAuthError) as error:
            raise GoogleCredentialsError(
                "The file in STORAGE_GOOGLE_CREDENTIALS_FILE is not the key of a Google service account. "
                "Download the JSON key of the account again and put it there."
            ) from error
        http = PatientHTTPClient(credentials, patience=patience or self._patience, stop=stop, base_url=self._base_url)
        try:
            yield http
        except _TRANSLATED as error:
            raise _translated(error, key, account["client_email"]) from error
        finally:
            http.session.close()

    def _account(self) -> dict[str, Any]:
        try:
            account = json.loads(self._credentials_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SheetsNotConfiguredError(_NO_KEY_FILE) from error
        if not isinstance(account, dict):
            raise SheetsNotConfiguredError(_NO_KEY_FILE)
        return account


_TRANSLATED = (
    APIError,
    RefreshError,
    TransportError,
    requests.ConnectionError,
    requests.Timeout,
    PatienceExhaustedError,
)


def _info(http: PatientHTTPClient, key: str) -> SpreadsheetInfo:
    answer = http.fetch_sheet_metadata(key, params={"includeGridData": "false", "fields": _METADATA_FIELDS})
    sheets = [sheet["properties"] for sheet in answer["sheets"]]
    grids = [sheet.get("gridProperties", {}) for sheet in sheets]
    return SpreadsheetInfo(
        key=key,
        title=answer.get("properties", {}).get("title", ""),
        url=answer["spreadsheetUrl"],
        sheets={sheet["title"]: sheet["sheetId"] for sheet in sheets},
        cells=sum(grid.get("rowCount", 0) * grid.get("columnCount", 0) for grid in grids),
    )


def _placement(tab: Tab, now: datetime) -> Placement:
    sheet_id = secrets.randbelow(2**31 - 1) + 1
    return Placement(tab, sheet_id, temporary_title(now, sheet_id))


def _present(info: SpreadsheetInfo, placements: Sequence[Placement]) -> bool:
    return all(info.sheets.get(placement.temporary_title) == placement.sheet_id for placement in placements)


def _check_room(info: SpreadsheetInfo, tabs: Sequence[Tab]) -> None:
    """Old and new tabs stand side by side until the swap."""
    wanted = sum(tab.cells for tab in tabs)
    if info.cells + wanted > MAX_CELLS:
        raise SpreadsheetFullError(
            f"The spreadsheet {info.title!r} has {info.cells:,} cells and the table needs {wanted:,} more, "
            f"but Google allows {MAX_CELLS:,}. Remove tabs that are not needed, or register another spreadsheet."
        )


def _translated(error: Exception, key: str, account: str) -> Exception:
    if isinstance(error, RefreshError):
        return GoogleCredentialsError(
            f"Google does not accept the key of {account}. Make a new key and put it into the file named by "
            "STORAGE_GOOGLE_CREDENTIALS_FILE; check this machine's clock too."
        )
    if isinstance(error, APIError):
        return _refusal(error, key, account)
    if isinstance(error, PatienceExhaustedError):
        return GoogleQuotaError("The quota of 50 calls a minute did not leave room in time; try again later.")
    return GoogleUnavailableError("Google Sheets cannot be reached; try again later.")


def _refusal(error: APIError, key: str, account: str) -> Exception:
    status = error.response.status_code
    if status == 404:
        return SpreadsheetNotFoundError(
            f"There is no spreadsheet with the key {key}, or it is not shared with {account}. "
            "Check the key, and share the spreadsheet with that address as an editor."
        )
    if status == 403:
        return SpreadsheetNotSharedError(
            f"{account} may not change the spreadsheet {key}. Share it with that address as an editor."
        )
    if status == 401:
        return GoogleCredentialsError(f"Google does not accept the credentials of {account}; make a new key.")
    if status == 429:
        return GoogleQuotaError("Google's quota of calls a minute is used up; try again later.")
    if status >= 500:
        return GoogleUnavailableError(f"Google Sheets failed ({status}); try again later.")
    return GoogleRefusedError(f"Google refused the request ({status}): {error.error.get('message', '')}")
