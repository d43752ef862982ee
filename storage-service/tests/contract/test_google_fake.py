"""The fake Google against Google's own description, driven by every call gspread makes for tables."""

from pathlib import Path
from typing import Any

import gspread
import pytest
from gspread.exceptions import APIError, SpreadsheetNotFound
from tests.fakes.google_contract import Exchange, google_contract
from tests.fakes.google_sheets import FakeGoogle

GET = "/v4/spreadsheets/key/values/A1"


def open_account(google: FakeGoogle) -> gspread.Client:
    class Redirected(gspread.http_client.HTTPClient):
        def request(self, method: str, endpoint: str, *arguments: Any, **options: Any) -> Any:
            for host in ("https://sheets.googleapis.com", "https://www.googleapis.com"):
                endpoint = endpoint.replace(host, google.base_url)
            return super().request(method, endpoint, *arguments, **options)

    return gspread.service_account_from_dict(google.credentials(), http_client=Redirected)


def test_gspread_and_the_fake_agree_within_googles_description(tmp_path: Path) -> None:
    with FakeGoogle() as google:
        client = open_account(google)
        spreadsheet = client.open_by_key(google.add_spreadsheet("Plans").key)
        tab = spreadsheet.add_worksheet("Data", rows=10, cols=3)
        tab.update([["a", "b", "c"], [1, 2.5, "=1+1"]], "A1")
        assert tab.get_all_values() == [["a", "b", "c"], [1, 2.5, "=1+1"]]
        tab.append_rows([["x", None, "y"]])
        assert tab.get("A3:C3") == [["x", "", "y"]]
        tab.batch_update([{"range": "A1:B1", "values": [["A", "B"]]}])
        tab.freeze(rows=1)
        tab.clear()
        assert tab.get_all_values() in ([], [[]])
        tab.update_title("Renamed")
        spreadsheet.del_worksheet(tab)
        assert [sheet.title for sheet in spreadsheet.worksheets()] == ["Sheet1"]
        assert [file["name"] for file in client.list_spreadsheet_files()] == ["Plans"]
        assert google.violations() == []


def test_a_service_account_cannot_make_spreadsheets_of_its_own() -> None:
    with FakeGoogle() as google, pytest.raises(APIError, match="quota"):
        open_account(google).create("New")


def test_unknown_spreadsheets_and_unshared_ones_differ() -> None:
    with FakeGoogle() as google:
        client = open_account(google)
        with pytest.raises(SpreadsheetNotFound):
            client.open_by_key("x" * 40)
        with pytest.raises(PermissionError):
            client.open_by_key(google.add_spreadsheet(role=None).key)
        assert google.violations() == []


def test_a_batch_with_one_bad_request_changes_nothing() -> None:
    with FakeGoogle() as google:
        fake = google.add_spreadsheet()
        spreadsheet = open_account(google).open_by_key(fake.key)
        requests = [{"addSheet": {"properties": {"title": "A"}}}, {"deleteSheet": {"sheetId": 12345}}]
        with pytest.raises(APIError, match="No sheet with id"):
            spreadsheet.batch_update({"requests": requests})
        assert [sheet.title for sheet in fake.sheets] == ["Sheet1"]


def test_ten_million_cells_are_the_limit() -> None:
    with FakeGoogle() as google:
        spreadsheet = open_account(google).open_by_key(google.add_spreadsheet().key)
        with pytest.raises(APIError, match="10000000"):
            spreadsheet.add_worksheet("Huge", rows=1_000_000, cols=10)


def test_the_quota_of_a_minute_is_counted() -> None:
    with FakeGoogle(calls_per_minute=3) as google:
        client, key = open_account(google), google.add_spreadsheet().key
        for _ in range(3):
            client.open_by_key(key)
        with pytest.raises(APIError, match="Quota exceeded"):
            client.open_by_key(key)


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        (Exchange("GET", "/v4/nothing", {}, None, 200, {}), "no such method"),
        (Exchange("GET", GET, {"valueRender": ["x"]}, None, 200, {}), "unknown parameter"),
        (Exchange("GET", GET, {"majorDimension": ["DIAGONAL"]}, None, 200, {}), "majorDimension"),
        (Exchange("GET", GET, {}, None, 200, {"rows": []}), "response"),
        (Exchange("GET", GET, {}, None, 503, "down"), "error body"),
        (
            Exchange(
                "POST",
                "/v4/spreadsheets/key:batchUpdate",
                {},
                {"requests": [{"repeatCell": {"cell": {"userEnteredFormat": {"textFormat": {"bald": True}}}}}]},
                200,
                {},
            ),
            "bald",
        ),
    ],
)
def test_the_contract_catches_what_google_would_not_take(exchange: Exchange, words: str) -> None:
    problems = google_contract().problems(exchange)
    assert any(words in problem for problem in problems), problems
