"""Tabs of a spreadsheet and the API requests that write them.

A tab is written under a temporary title in exactly the size it needs, then takes the place of the old one in a single
batch: readers see the old tab or the new one, never half of either.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

MAX_CELLS = 10_000_000
BATCH_BYTES = 1_500_000
_TEMPORARY_PREFIX = "~procurement "
_TEMPORARY_TIME = "%Y%m%dT%H%M%SZ"
_ABANDONED_AFTER = timedelta(hours=1)
_KEY = re.compile(r"^[A-Za-z0-9_-]{20,100}$")
_KEY_IN_URL = re.compile(r"/spreadsheets/d/([A-Za-z0-9_-]{20,100})")
_HEADER_COLOUR = {"red": 0.87, "green": 0.9, "blue": 0.94}

Value = str | int | float | None


@dataclass(frozen=True)
class TabColumn:
    header: str
    width_pixels: int
    number_format: Mapping[str, str] | None


@dataclass(frozen=True)
class Tab:
    """`rows` is read once; `row_count` is exact and does not count the header."""

    title: str
    columns: tuple[TabColumn, ...]
    rows: Iterable[Sequence[Value]]
    row_count: int

    @property
    def cells(self) -> int:
        return (self.row_count + 1) * len(self.columns)


@dataclass(frozen=True)
class Placement:
    """A tab on its way: its id is chosen here, so that a repeated request is recognised."""

    tab: Tab
    sheet_id: int
    temporary_title: str


def parse_key(text: str) -> str | None:
    """The key of a spreadsheet, given as such or as its address."""
    found = _KEY_IN_URL.search(text)
    if found:
        return found.group(1)
    return text if _KEY.match(text) else None


def temporary_title(now: datetime, sheet_id: int) -> str:
    return f"{_TEMPORARY_PREFIX}{now:{_TEMPORARY_TIME}} {sheet_id}"


def is_abandoned(title: str, now: datetime) -> bool:
    """A temporary tab that an earlier attempt left behind, and that nobody can still be writing."""
    if not title.startswith(_TEMPORARY_PREFIX):
        return False
    try:
        begun = datetime.fromisoformat(title.removeprefix(_TEMPORARY_PREFIX).split(" ")[0])
    except ValueError:
        return False
    return now - begun > _ABANDONED_AFTER


def add_requests(placements: Sequence[Placement], abandoned: Iterable[int]) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = [{"deleteSheet": {"sheetId": sheet_id}} for sheet_id in abandoned]
    for placement in placements:
        grid = {
            "rowCount": placement.tab.row_count + 1,
            "columnCount": len(placement.tab.columns),
            # A grid must keep one row that is not frozen.
            "frozenRowCount": 1 if placement.tab.row_count else 0,
        }
        properties = {"sheetId": placement.sheet_id, "title": placement.temporary_title, "gridProperties": grid}
        requests.append({"addSheet": {"properties": properties}})
    return requests


def value_batches(placement: Placement, max_bytes: int = BATCH_BYTES) -> Iterator[dict[str, Any]]:
    """Bodies of values.batchUpdate, each below `max_bytes`; values are RAW, so a text is never evaluated."""
    batch: list[Sequence[Value]] = [[column.header for column in placement.tab.columns]]
    size = len(json.dumps(batch[0]))
    first_row = 1
    for row in placement.tab.rows:
        row_size = len(json.dumps(row))  # what the HTTP client sends: escapes count
        if size + row_size > max_bytes:
            yield _values(placement, first_row, batch)
            first_row += len(batch)
            batch, size = [], 0
        batch.append(row)
        size += row_size + 1
    yield _values(placement, first_row, batch)


def _values(placement: Placement, first_row: int, rows: list[Sequence[Value]]) -> dict[str, Any]:
    place = f"'{placement.temporary_title}'!A{first_row}"
    return {"valueInputOption": "RAW", "data": [{"range": place, "majorDimension": "ROWS", "values": rows}]}


def swap_requests(placements: Sequence[Placement], old: Mapping[str, int]) -> list[dict[str, Any]]:
    """Formats the new tabs, removes the old ones of the same titles and puts the new ones in their place."""
    requests: list[dict[str, Any]] = []
    for index, placement in enumerate(placements):
        requests.extend(_format_requests(placement))
        if placement.tab.title in old:
            requests.append({"deleteSheet": {"sheetId": old[placement.tab.title]}})
        properties = {"sheetId": placement.sheet_id, "title": placement.tab.title, "index": index}
        requests.append({"updateSheetProperties": {"properties": properties, "fields": "title,index"}})
    return requests


def _format_requests(placement: Placement) -> Iterator[dict[str, Any]]:
    tab, sheet_id = placement.tab, placement.sheet_id
    header = {"sheetId": sheet_id, "startRowIndex": 0, "endRowIndex": 1}
    style = {
        "backgroundColorStyle": {"rgbColor": _HEADER_COLOUR},
        "textFormat": {"bold": True},
        "wrapStrategy": "WRAP",
    }
    fields = "userEnteredFormat(backgroundColorStyle,textFormat,wrapStrategy)"
    yield {"repeatCell": {"range": header, "cell": {"userEnteredFormat": style}, "fields": fields}}
    for index, column in enumerate(tab.columns):
        across = {"sheetId": sheet_id, "startColumnIndex": index, "endColumnIndex": index + 1}
        if column.number_format is not None and tab.row_count:
            yield {
                "repeatCell": {
                    "range": {**across, "startRowIndex": 1, "endRowIndex": tab.row_count + 1},
                    "cell": {"userEnteredFormat": {"numberFormat": dict(column.number_format)}},
                    "fields": "userEnteredFormat.numberFormat",
                }
            }
        yield {
            "updateDimensionProperties": {
                "range": {"sheetId": sheet_id, "dimension": "COLUMNS", "startIndex": index, "endIndex": index + 1},
                "properties": {"pixelSize": column.width_pixels},
                "fields": "pixelSize",
            }
        }
    filtered = {
        "sheetId": sheet_id,
        "startRowIndex": 0,
        "endRowIndex": tab.row_count + 1,
        "startColumnIndex": 0,
        "endColumnIndex": len(tab.columns),
    }
    yield {"setBasicFilter": {"filter": {"range": filtered}}}


NumberFormatType = Literal["NUMBER", "PERCENT", "DATE"]


def number_format(kind: NumberFormatType, pattern: str) -> Mapping[str, str]:
    return {"type": kind, "pattern": pattern}
