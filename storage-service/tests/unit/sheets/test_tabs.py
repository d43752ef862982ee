"""Tabs: keys, batches, requests."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from storage_service.sheets.domain.tabs import (
    Placement,
    Tab,
    TabColumn,
    add_requests,
    is_abandoned,
    parse_key,
    swap_requests,
    temporary_title,
    value_batches,
)

KEY = "1AbC-dEf_GhIjKlMnOpQrStUvWxYz0123456789abcd"
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
COLUMNS = (TabColumn("SKU", 100, None), TabColumn("Sum", 80, {"type": "NUMBER", "pattern": "0.00"}))


def placement(rows: list[list[str | int | float | None]]) -> Placement:
    return Placement(Tab("Plan", COLUMNS, rows, len(rows)), 77, "tmp")


@pytest.mark.parametrize("text", [KEY, f"https://docs.google.com/spreadsheets/d/{KEY}/edit#gid=0"])
def test_a_key_is_found_in_an_address(text: str) -> None:
    assert parse_key(text) == KEY


@pytest.mark.parametrize("text", ["", "plan", "https://example.com/x", "../" * 20, KEY + "/../x y"])
def test_something_else_is_no_key(text: str) -> None:
    assert parse_key(text) is None


def test_batches_stay_below_the_limit_and_hold_every_row_in_order() -> None:
    rows: list[list[str | int | float | None]] = [[f"артикул {number}", number * 1.5] for number in range(200)]
    batches = list(value_batches(placement(rows), max_bytes=2_000))
    assert len(batches) > 5
    expected_row = 1
    gathered = []
    for batch in batches:
        (part,) = batch["data"]
        assert part["range"] == f"'tmp'!A{expected_row}"
        assert len(json.dumps(part["values"])) <= 2_000 + 200
        expected_row += len(part["values"])
        gathered += part["values"]
    assert gathered == [["SKU", "Sum"], *rows]
    assert {batch["valueInputOption"] for batch in batches} == {"RAW"}


def test_a_tab_is_added_in_exactly_the_size_it_needs() -> None:
    (request,) = add_requests([placement([["a", 1], ["b", 2]])], [])
    grid = request["addSheet"]["properties"]["gridProperties"]
    assert (grid["rowCount"], grid["columnCount"], grid["frozenRowCount"]) == (3, 2, 1)


def test_the_swap_removes_only_the_tab_it_replaces() -> None:
    requests = swap_requests([placement([["a", 1]])], {"Plan": 5, "Notes": 6})
    assert [request for request in requests if "deleteSheet" in request] == [{"deleteSheet": {"sheetId": 5}}]


@pytest.mark.parametrize(
    ("title", "abandoned"),
    [
        (temporary_title(NOW - timedelta(hours=2), 1), True),
        (temporary_title(NOW - timedelta(minutes=5), 1), False),
        ("~procurement notes of mine", False),
        ("Plan", False),
    ],
)
def test_only_old_temporary_tabs_of_our_own_are_abandoned(title: str, abandoned: bool) -> None:
    assert is_abandoned(title, NOW) is abandoned
