"""A spreadsheet as Google keeps it, as far as gspread's calls reach: tabs, cells, formats, limits."""

import copy
import re
from dataclasses import dataclass, field
from typing import Any

MAX_CELLS = 10_000_000
MAX_CHARACTERS = 50_000
_RANGE = re.compile(
    r"^(?:(?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>[^'!]+))!)?(?P<start>[A-Z]*\d*)(?::(?P<end>[A-Z]*\d*))?$"
)
_CELL = re.compile(r"^([A-Z]*)(\d*)$")


class ApiError(Exception):
    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message


def invalid(message: str) -> ApiError:
    return ApiError(400, "INVALID_ARGUMENT", message)


@dataclass
class Sheet:
    """`cells` maps (row, column), counted from 0, to a value; `formulas` says which texts are evaluated."""

    properties: dict[str, Any]
    cells: dict[tuple[int, int], Any] = field(default_factory=dict)
    formulas: set[tuple[int, int]] = field(default_factory=set)
    formats: list[dict[str, Any]] = field(default_factory=list)
    widths: dict[int, int] = field(default_factory=dict)
    basic_filter: dict[str, Any] | None = None

    @property
    def id(self) -> int:
        return int(self.properties["sheetId"])

    @property
    def title(self) -> str:
        return str(self.properties["title"])

    @property
    def grid(self) -> dict[str, int]:
        return self.properties["gridProperties"]

    @property
    def size(self) -> int:
        return self.grid["rowCount"] * self.grid["columnCount"]

    def rows(self) -> list[list[Any]]:
        """Values without trailing empty cells and rows, empty ones in between as ''."""
        height = max((row for row, _ in self.cells), default=-1) + 1
        table: list[list[Any]] = [[] for _ in range(height)]
        for (row, column), value in sorted(self.cells.items()):
            table[row] += [""] * (column - len(table[row]))
            table[row].append(value)
        return table

    def snapshot(self) -> "Sheet":
        """Cells are shared: no request of a batch changes them."""
        return Sheet(
            copy.deepcopy(self.properties),
            self.cells,
            self.formulas,
            list(self.formats),
            dict(self.widths),
            self.basic_filter,
        )


@dataclass
class Spreadsheet:
    key: str
    title: str
    sheets: list[Sheet]
    editors: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)

    @classmethod
    def empty(cls, key: str, title: str) -> "Spreadsheet":
        grid = {"rowCount": 1000, "columnCount": 26}
        first = {"sheetId": 0, "title": "Sheet1", "index": 0, "sheetType": "GRID", "gridProperties": grid}
        return cls(key, title, [Sheet(first)])

    def sheet(self, title: str) -> Sheet:
        found = [sheet for sheet in self.sheets if sheet.title == title]
        if not found:
            raise invalid(f"Unable to parse range: {title}")
        return found[0]

    def describe(self) -> dict[str, Any]:
        return {
            "spreadsheetId": self.key,
            "properties": {"title": self.title, "locale": "en_US", "timeZone": "Etc/GMT", "autoRecalc": "ON_CHANGE"},
            "sheets": [{"properties": copy.deepcopy(sheet.properties)} for sheet in self.sheets],
            "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{self.key}/edit",
        }

    # Batches: all requests or none of them.

    def batch_update(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        before = [sheet.snapshot() for sheet in self.sheets]
        try:
            replies = [self._apply(number, request) for number, request in enumerate(requests)]
            if sum(sheet.size for sheet in self.sheets) > MAX_CELLS:
                raise invalid(
                    f"This action would increase the number of cells in the workbook above the limit of {MAX_CELLS} cells."
                )
        except ApiError:
            self.sheets = before
            raise
        for index, sheet in enumerate(self.sheets):
            sheet.properties["index"] = index
        return replies

    def _apply(self, number: int, request: dict[str, Any]) -> dict[str, Any]:
        ((kind, body),) = request.items()
        handler = getattr(self, f"_{kind}", None)
        if handler is None:
            raise ApiError(501, "UNIMPLEMENTED", f"the fake does not know {kind}")
        return handler(f"Invalid requests[{number}].{kind}", body) or {}

    def _by_id(self, where: str, sheet_id: int) -> Sheet:
        found = [sheet for sheet in self.sheets if sheet.id == sheet_id]
        if not found:
            raise invalid(f"{where}: No sheet with id: {sheet_id}")
        return found[0]

    def _check_title(self, where: str, title: str, but: int | None = None) -> None:
        if any(sheet.title == title and sheet.id != but for sheet in self.sheets):
            raise invalid(f'{where}: A sheet with the name "{title}" already exists. Please enter another name.')

    def _addSheet(self, where: str, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 -- named as the request
        given = body.get("properties", {})
        sheet_id = given.get("sheetId", max(sheet.id for sheet in self.sheets) + 1)
        if any(sheet.id == sheet_id for sheet in self.sheets):
            raise invalid(f"{where}: Sheet with id {sheet_id} already exists.")
        title = given.get("title", f"Sheet{sheet_id}")
        self._check_title(where, title)
        grid = {"rowCount": 1000, "columnCount": 26, **given.get("gridProperties", {})}
        if grid.get("frozenRowCount", 0) >= grid["rowCount"]:
            raise invalid(f"{where}: You can't freeze all visible rows on the sheet.")
        if not grid.get("frozenRowCount"):
            grid.pop("frozenRowCount", None)
        properties = {
            "sheetId": sheet_id,
            "title": title,
            "index": len(self.sheets),
            "sheetType": "GRID",
            "gridProperties": grid,
        }
        self.sheets.insert(given.get("index", len(self.sheets)), Sheet(properties))
        return {"addSheet": {"properties": copy.deepcopy(properties)}}

    def _deleteSheet(self, where: str, body: dict[str, Any]) -> None:  # noqa: N802
        sheet = self._by_id(where, body["sheetId"])
        if len(self.sheets) == 1:
            raise invalid(f"{where}: You can't remove all the visible sheets in a document.")
        self.sheets.remove(sheet)

    def _updateSheetProperties(self, where: str, body: dict[str, Any]) -> None:  # noqa: N802
        given, fields = body["properties"], body["fields"].replace("/", ".").split(",")
        sheet = self._by_id(where, given["sheetId"])
        for name in fields:
            if name == "title":
                self._check_title(where, given["title"], but=sheet.id)
            if name == "index":
                self.sheets.remove(sheet)
                self.sheets.insert(given.get("index", 0), sheet)
            elif name.startswith("gridProperties."):
                sheet.grid[name.partition(".")[2]] = given["gridProperties"][name.partition(".")[2]]
            else:
                sheet.properties[name] = given[name]

    def _repeatCell(self, where: str, body: dict[str, Any]) -> None:  # noqa: N802
        sheet = self._by_id(where, body["range"]["sheetId"])
        self._check_rows(where, sheet, body["range"])
        sheet.formats.append(body)

    def _updateDimensionProperties(self, where: str, body: dict[str, Any]) -> None:  # noqa: N802
        place = body["range"]
        sheet = self._by_id(where, place["sheetId"])
        for index in range(place["startIndex"], place["endIndex"]):
            if index >= sheet.grid["columnCount"]:
                raise invalid(f"{where}: range exceeds the sheet")
            sheet.widths[index] = body["properties"]["pixelSize"]

    def _setBasicFilter(self, where: str, body: dict[str, Any]) -> None:  # noqa: N802
        sheet = self._by_id(where, body["filter"]["range"]["sheetId"])
        self._check_rows(where, sheet, body["filter"]["range"])
        sheet.basic_filter = body["filter"]

    def _check_rows(self, where: str, sheet: Sheet, place: dict[str, int]) -> None:
        if (
            place.get("endRowIndex", 0) > sheet.grid["rowCount"]
            or place.get("endColumnIndex", 0) > sheet.grid["columnCount"]
        ):
            raise invalid(f"{where}: range exceeds the sheet's grid")

    # Values.

    def write(self, target: str, values: list[list[Any]], value_input_option: str) -> dict[str, Any]:
        sheet, row, column, _ = self.locate(target)
        changed = {}
        for down, line in enumerate(values):
            for right, value in enumerate(line):
                place = (row + down, column + right)
                if place[0] >= sheet.grid["rowCount"] or place[1] >= sheet.grid["columnCount"]:
                    raise invalid(
                        f"Range ({target}) exceeds grid limits. Max rows: {sheet.grid['rowCount']}, "
                        f"max columns: {sheet.grid['columnCount']}"
                    )
                if isinstance(value, str) and len(value) > MAX_CHARACTERS:
                    raise invalid(
                        f"Your input contains more than the maximum of {MAX_CHARACTERS} characters in a single cell."
                    )
                if value is not None:
                    changed[place] = value
        sheet.cells.update(changed)
        sheet.formulas -= changed.keys()
        if value_input_option == "USER_ENTERED":
            sheet.formulas |= {place for place, value in changed.items() if str(value).startswith("=")}
        return {
            "spreadsheetId": self.key,
            "updatedRange": target,
            "updatedRows": len(values),
            "updatedColumns": max((len(line) for line in values), default=0),
            "updatedCells": len(changed),
        }

    def append(self, target: str, values: list[list[Any]], value_input_option: str) -> dict[str, Any]:
        sheet, _, column, _ = self.locate(target)
        row = max((place[0] for place in sheet.cells), default=-1) + 1
        sheet.grid["rowCount"] = max(sheet.grid["rowCount"], row + len(values))
        updates = self.write(f"'{sheet.title}'!{_letters(column)}{row + 1}", values, value_input_option)
        return {"spreadsheetId": self.key, "updates": updates}

    def read(self, target: str) -> dict[str, Any]:
        sheet, row, column, end = self.locate(target)
        last_row, last_column = end or (sheet.grid["rowCount"] - 1, sheet.grid["columnCount"] - 1)
        rows = [line[column : last_column + 1] for line in sheet.rows()[row : last_row + 1]]
        while rows and not rows[-1]:
            rows.pop()
        return {"range": target, "majorDimension": "ROWS", **({"values": rows} if rows else {})}

    def clear(self, target: str) -> dict[str, Any]:
        sheet, row, column, end = self.locate(target)
        last_row, last_column = end or (sheet.grid["rowCount"] - 1, sheet.grid["columnCount"] - 1)
        for place in [p for p in sheet.cells if row <= p[0] <= last_row and column <= p[1] <= last_column]:
            del sheet.cells[place]
        return {"spreadsheetId": self.key, "clearedRange": target}

    def locate(self, target: str) -> tuple[Sheet, int, int, tuple[int, int] | None]:
        """The tab, its first row and column, and the last ones when the range names them."""
        match = _RANGE.match(target)
        if match is None or (not match["quoted"] and not match["plain"]):
            titles = [sheet for sheet in self.sheets if sheet.title == target.strip("'")]
            if titles:
                return titles[0], 0, 0, None
            if match is None:
                raise invalid(f"Unable to parse range: {target}")
        title = (match["quoted"] or match["plain"] or self.sheets[0].title).replace("''", "'")
        row, column = _position(match["start"])
        end = None
        if match["end"]:
            last_row, last_column = _position(match["end"])
            end = (last_row, last_column)
        return self.sheet(title), row, column, end


def _position(cell: str) -> tuple[int, int]:
    letters, digits = _CELL.match(cell).groups()
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return (int(digits) - 1 if digits else 0), max(0, column - 1)


def _letters(column: int) -> str:
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text
