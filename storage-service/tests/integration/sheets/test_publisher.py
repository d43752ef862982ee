"""Publishing into Google Sheets: the genuine gspread and google-auth against a fake Google on a loopback port.

Whatever a test does, every request and answer must be one that Google's discovery documents allow.
"""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.fakes.google_sheets import FakeGoogle
from tests.fakes.google_spreadsheet import Sheet

from shared.errors import ServiceError
from storage_service.sheets.adapters.google_client import Patience
from storage_service.sheets.adapters.publisher import GoogleSheets, Published
from storage_service.sheets.domain.patience import RetryPolicy, StoppedError
from storage_service.sheets.domain.tabs import Tab, TabColumn
from storage_service.sheets.errors import (
    GoogleCredentialsError,
    GoogleQuotaError,
    GoogleUnavailableError,
    SheetsNotConfiguredError,
    SpreadsheetFullError,
    SpreadsheetNotFoundError,
    SpreadsheetNotSharedError,
)

COLUMNS = (
    TabColumn("SKU", 100, None),
    TabColumn("Sum", 80, {"type": "NUMBER", "pattern": "#,##0.00"}),
    TabColumn("Order by", 90, {"type": "DATE", "pattern": "yyyy-mm-dd"}),
)
QUICK = RetryPolicy(deadline_seconds=3, cap_seconds=0.05, base_seconds=0.01)
ROWS: list[list[Any]] = [["A-1", 10.5, 46000], ["=1+1", None, 46001], ["+7", -3, None]]


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        yield fake
        assert fake.violations() == []


@pytest.fixture
def sheets(google: FakeGoogle, tmp_path: Path) -> GoogleSheets:
    return connect(google, tmp_path)


def connect(google: FakeGoogle, folder: Path, policy: RetryPolicy = QUICK) -> GoogleSheets:
    return GoogleSheets(google.write_credentials(folder / "account.json"), Patience(policy), google.base_url)


def tab(rows: list[list[Any]], title: str = "Plan") -> Tab:
    return Tab(title, COLUMNS, rows, len(rows))


def publish(sheets: GoogleSheets, key: str, *tabs: Tab) -> Published:
    return sheets.publish(key, tabs, lambda _rows: None, threading.Event())


def titles(sheets: list[Sheet]) -> list[str]:
    return [sheet.title for sheet in sheets]


def test_a_tab_holds_exactly_the_values_and_no_formula(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    published = publish(sheets, spreadsheet.key, tab(ROWS), tab([["Total", 7.5, None]], "Summary"))
    assert titles(spreadsheet.sheets) == ["Plan", "Summary", "Sheet1"]
    plan = spreadsheet.sheet("Plan")
    assert plan.rows() == [["SKU", "Sum", "Order by"], ["A-1", 10.5, 46000], ["=1+1", "", 46001], ["+7", -3]]
    assert plan.formulas == set()
    assert published.url == f"https://docs.google.com/spreadsheets/d/{spreadsheet.key}/edit#gid={plan.id}"


def test_the_tab_has_its_size_its_formats_and_its_filter(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    publish(sheets, spreadsheet.key, tab(ROWS))
    plan = spreadsheet.sheet("Plan")
    assert plan.grid == {"rowCount": 4, "columnCount": 3, "frozenRowCount": 1}
    assert plan.widths == {0: 100, 1: 80, 2: 90}
    assert plan.basic_filter is not None
    patterns = [
        entry["cell"]["userEnteredFormat"]["numberFormat"]["pattern"]
        for entry in plan.formats
        if "numberFormat" in entry["cell"]["userEnteredFormat"]
    ]
    assert patterns == ["#,##0.00", "yyyy-mm-dd"]


def test_few_calls_are_made(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    publish(sheets, spreadsheet.key, tab(ROWS))
    assert google.calls("GET") == 2  # before, and just before the swap
    assert google.calls("POST") == 3  # add, values, swap


def test_publishing_again_replaces_the_tab_and_touches_no_other(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    spreadsheet.write("'Sheet1'!A1", [["a note of the manager"]], "RAW")
    publish(sheets, spreadsheet.key, tab(ROWS))
    publish(sheets, spreadsheet.key, tab(ROWS[:1]))
    assert titles(spreadsheet.sheets) == ["Plan", "Sheet1"]
    assert len(spreadsheet.sheet("Plan").rows()) == 2
    assert spreadsheet.sheet("Sheet1").rows() == [["a note of the manager"]]


def test_readers_see_the_old_tab_or_the_new_one_and_never_a_part(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    publish(sheets, spreadsheet.key, tab([["old", 1, None]]))
    seen: list[list[list[Any]]] = []
    google.on_request = lambda _method, _path: seen.append(spreadsheet.sheet("Plan").rows())
    publish(sheets, spreadsheet.key, tab(ROWS))
    assert all(rows == [["SKU", "Sum", "Order by"], ["old", 1]] for rows in seen)
    assert spreadsheet.sheet("Plan").rows()[1][0] == "A-1"


def test_an_empty_table_is_published_too(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    publish(sheets, spreadsheet.key, tab([]))
    assert spreadsheet.sheet("Plan").rows() == [["SKU", "Sum", "Order by"]]


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("after", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("call", range(5))
def test_one_trouble_at_any_call_changes_nothing_in_the_outcome(
    google: FakeGoogle, sheets: GoogleSheets, status: int, after: bool, call: int
) -> None:
    spreadsheet = google.add_spreadsheet()
    publish(sheets, spreadsheet.key, tab([["old", 1, None]]))
    counted = iter(range(1000))
    google.fail(status, after=after, match=lambda _method, _path: next(counted) == call)
    publish(sheets, spreadsheet.key, tab(ROWS))
    assert titles(spreadsheet.sheets) == ["Plan", "Sheet1"]
    assert spreadsheet.sheet("Plan").rows()[1:] == [["A-1", 10.5, 46000], ["=1+1", "", 46001], ["+7", -3]]


@pytest.mark.parametrize(("status", "error"), [(503, GoogleUnavailableError), (429, GoogleQuotaError)])
@pytest.mark.parametrize("path", ["values:batchUpdate", ":batchUpdate"])
def test_a_lasting_trouble_ends_at_the_deadline_and_leaves_the_old_tab(
    google: FakeGoogle, tmp_path: Path, status: int, error: type[ServiceError], path: str
) -> None:
    spreadsheet = google.add_spreadsheet()
    hurried = RetryPolicy(deadline_seconds=0.3, cap_seconds=0.05, base_seconds=0.01)
    publish(connect(google, tmp_path), spreadsheet.key, tab([["old", 1, None]]))
    google.fail(status, times=10**6, match=lambda _method, where: where.endswith(path))
    with pytest.raises(error):
        publish(connect(google, tmp_path, hurried), spreadsheet.key, tab(ROWS))
    assert spreadsheet.sheet("Plan").rows()[1] == ["old", 1]


def test_a_failed_attempt_takes_its_temporary_tab_away(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    google.fail(403, match=lambda _method, path: "values" in path)
    with pytest.raises(SpreadsheetNotSharedError):
        publish(sheets, spreadsheet.key, tab(ROWS))
    assert titles(spreadsheet.sheets) == ["Sheet1"]


def test_what_a_killed_attempt_left_is_removed_by_a_later_one(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    left = {"properties": {"sheetId": 9, "title": "~procurement 20200101T000000Z 9"}}
    spreadsheet.batch_update([{"addSheet": left}])
    publish(sheets, spreadsheet.key, tab(ROWS))
    assert titles(spreadsheet.sheets) == ["Plan", "Sheet1"]


def test_two_writers_at_once_leave_one_whole_tab(google: FakeGoogle, sheets: GoogleSheets, tmp_path: Path) -> None:
    spreadsheet = google.add_spreadsheet()
    publish(sheets, spreadsheet.key, tab([["old", 1, None]]))
    rival = threading.Thread(target=publish, args=(connect(google, tmp_path), spreadsheet.key, tab(ROWS[::-1])))
    rival.start()
    publish(sheets, spreadsheet.key, tab(ROWS))
    rival.join()
    assert titles(spreadsheet.sheets) == ["Plan", "Sheet1"]
    assert len(spreadsheet.sheet("Plan").rows()) == 4


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_never_tried_again(google: FakeGoogle, sheets: GoogleSheets, status: int) -> None:
    spreadsheet = google.add_spreadsheet()
    google.fail(status)
    with pytest.raises(ServiceError):
        sheets.describe(spreadsheet.key)
    assert len(google.exchanges) == 1


def test_what_google_asks_to_wait_is_waited(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    google.fail(429, retry_after=10)
    with pytest.raises(GoogleQuotaError):  # ten seconds lie behind the deadline of three
        sheets.describe(spreadsheet.key)
    assert len(google.exchanges) == 1


def test_an_unknown_or_unshared_spreadsheet_names_the_account_to_share_it_with(
    google: FakeGoogle, sheets: GoogleSheets
) -> None:
    with pytest.raises(SpreadsheetNotFoundError, match="procurement@test-project"):
        publish(sheets, "x" * 40, tab(ROWS))
    with pytest.raises(SpreadsheetNotSharedError, match="procurement@test-project"):
        publish(sheets, google.add_spreadsheet(role=None).key, tab(ROWS))
    with pytest.raises(SpreadsheetNotSharedError, match="as an editor"):
        publish(sheets, google.add_spreadsheet(role="reader").key, tab(ROWS))


def test_a_table_that_does_not_fit_is_refused_before_anything_is_written(
    google: FakeGoogle, sheets: GoogleSheets
) -> None:
    spreadsheet = google.add_spreadsheet()
    huge = Tab("Plan", COLUMNS, iter([]), 4_000_000)
    with pytest.raises(SpreadsheetFullError, match="12,000,003"):
        publish(sheets, spreadsheet.key, huge)
    assert google.calls("POST") == 0


def test_an_expired_token_is_renewed(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()

    def revoke_before_the_values(_method: str, path: str) -> None:
        if path.endswith("values:batchUpdate") and not revoked:
            revoked.append(path)
            google.revoke_tokens()

    revoked: list[str] = []
    google.on_request = revoke_before_the_values
    publish(sheets, spreadsheet.key, tab(ROWS))
    assert revoked
    assert spreadsheet.sheet("Plan").rows()[1][0] == "A-1"


def test_a_key_google_does_not_know_is_told(google: FakeGoogle, tmp_path: Path) -> None:
    with FakeGoogle(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)) as stranger:
        account = stranger.credentials()
    account["token_uri"] = google.credentials()["token_uri"]
    file = tmp_path / "stranger.json"
    file.write_text(json.dumps(account))
    with pytest.raises(GoogleCredentialsError, match="new key"):
        GoogleSheets(file, Patience(QUICK), google.base_url).describe("x" * 40)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"client_email": "a@b", "private_key": "x", "token_uri": "http://x"}']
)
def test_a_file_that_is_no_key_is_told(google: FakeGoogle, tmp_path: Path, content: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content)
    with pytest.raises((GoogleCredentialsError, SheetsNotConfiguredError), match="STORAGE_GOOGLE_CREDENTIALS_FILE"):
        GoogleSheets(file, Patience(QUICK), google.base_url).describe("x" * 40)


def test_google_away_is_told(google: FakeGoogle, tmp_path: Path) -> None:
    with FakeGoogle() as gone:
        file = gone.write_credentials(tmp_path / "gone.json")
        address = gone.base_url
    with pytest.raises(GoogleUnavailableError):
        GoogleSheets(file, Patience(RetryPolicy(0.3, 0.05, 0.01)), address).describe("x" * 40)


def test_stopping_ends_the_writing_and_takes_the_temporary_tab_away(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    stop = threading.Event()

    def stopping(rows: int) -> None:
        stop.set()

    with pytest.raises(StoppedError):
        sheets.publish(spreadsheet.key, [tab(ROWS)], stopping, stop)
    assert titles(spreadsheet.sheets) == ["Sheet1"]


def test_many_rows_take_few_writes(google: FakeGoogle, sheets: GoogleSheets) -> None:
    spreadsheet = google.add_spreadsheet()
    columns = tuple(TabColumn(f"c{index}", 80, None) for index in range(12))
    rows = ([f"SKU-{number:06d}", *range(number, number + 11)] for number in range(20_000))
    published = publish(sheets, spreadsheet.key, Tab("Plan", columns, rows, 20_000))
    assert google.calls("POST") == 4  # add, two times 1.5 MB of values, swap
    assert published.calls == 6
    assert len(spreadsheet.sheet("Plan").cells) == 240_012
