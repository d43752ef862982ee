"""Writes a table as an XLSX workbook in constant memory; every text is written as a text, never as a formula."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache, partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import xlsxwriter

from storage_service.exports.adapters.spool import RenderJob
from storage_service.exports.domain.layout import Block, Cell, CellType, Column, Language
from storage_service.exports.domain.text import EXCEL_TEXT_LIMIT, shortened

SHEET_ROWS = 1_048_576
_PROGRESS_ROWS = 2_000
_ZIP64_CELLS = 20_000_000
_EXCEL_DAY_ZERO = date(1899, 12, 30).toordinal()

_DATE_FORMATS: dict[Language, str] = {"ru": "dd.mm.yyyy", "en": "yyyy-mm-dd"}
_NUMBER_FORMATS = {
    CellType.INTEGER: "#,##0",
    CellType.QUANTITY: "#,##0",
    CellType.MONEY: "#,##0.00",
    CellType.PERCENT: "0.0%",
}
_FRACTION_FORMAT = "#,##0.00"

Progress = Callable[[int], None]


def write_workbook(job: RenderJob, rows: Iterable[Sequence[Cell]], path: Path, progress: Progress) -> None:
    """Rows beyond one worksheet's capacity continue on the next one; the summary is the last worksheet."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "tmpdir": str(path.parent),
    }
    with xlsxwriter.Workbook(str(path), options) as workbook:
        if job.rows * len(job.layout.columns) > _ZIP64_CELLS:
            workbook.use_zip64()
        workbook.set_properties({"title": job.layout.title})
        formats = _Formats(workbook, job.layout.language)
        remaining = iter(rows)
        written = 0
        for number in range(1, max(1, math.ceil(job.rows / (SHEET_ROWS - 1))) + 1):
            title = job.layout.title if number == 1 else f"{job.layout.title} {number}"
            table = _Table(workbook.add_worksheet(title), job.layout.columns, formats)
            written += table.write(islice(remaining, SHEET_ROWS - 1), partial(_add, progress, written))
        progress(written)
        _write_summary(workbook.add_worksheet(job.layout.summary_title), job.blocks, formats)


def _add(progress: Progress, before: int, written: int) -> None:
    progress(before + written)


class _Formats:
    def __init__(self, workbook: Any, language: Language) -> None:
        header = {"bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#DDE6F0", "bottom": 1}
        self._text_header = workbook.add_format({**header, "indent": 1})
        self._number_header = workbook.add_format({**header, "align": "right"})
        self.title = workbook.add_format({"bold": True, "font_size": 13})
        self.fraction = workbook.add_format({"num_format": _FRACTION_FORMAT})
        self._by_type: dict[CellType, Any] = {
            kind: workbook.add_format({"num_format": pattern}) for kind, pattern in _NUMBER_FORMATS.items()
        }
        self._by_type[CellType.DATE] = workbook.add_format({"num_format": _DATE_FORMATS[language], "align": "right"})
        # Without the indent a text sticks to the number in the column before it.
        self._by_type[CellType.TEXT] = workbook.add_format({"indent": 1})

    def of(self, kind: CellType) -> Any:
        return self._by_type[kind]

    def header_of(self, kind: CellType) -> Any:
        return self._text_header if kind is CellType.TEXT else self._number_header


class _Table:
    def __init__(self, sheet: Any, columns: Sequence[Column], formats: _Formats) -> None:
        self._sheet = sheet
        self._columns = columns
        self._writers = [_cell_writer(sheet, column.type, formats, styled=False) for column in columns]
        sheet.freeze_panes(1, 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_row(0, 32)
        for index, column in enumerate(columns):
            sheet.set_column(index, index, column.width, formats.of(column.type))
            sheet.write_string(0, index, column.header, formats.header_of(column.type))

    def write(self, rows: Iterable[Sequence[Cell]], progress: Progress) -> int:
        written = 0
        for row_number, row in enumerate(rows, start=1):
            for index, value in enumerate(row):
                if value is not None:
                    self._writers[index](row_number, index, value)
            written = row_number
            if row_number % _PROGRESS_ROWS == 0:
                progress(row_number)
        self._sheet.autofilter(0, 0, written, len(self._columns) - 1)
        return written


def _write_summary(sheet: Any, blocks: Sequence[Block], formats: _Formats) -> None:
    writers = {kind: _cell_writer(sheet, kind, formats, styled=True) for kind in CellType}
    columns = zip_longest(*(block.columns for block in blocks))
    for index, stacked in enumerate(columns):
        sheet.set_column(index, index, max(column.width for column in stacked if column is not None))
    row_number = 0
    for block in blocks:
        sheet.write_string(row_number, 0, block.title, formats.title)
        for index, column in enumerate(block.columns):
            sheet.write_string(row_number + 1, index, column.header, formats.header_of(column.type))
        for number, row in enumerate(block.rows, start=row_number + 2):
            for index, value in enumerate(row):
                if value is not None:
                    writers[_kind_of(value, block.columns[index])](number, index, value)
        row_number += len(block.rows) + 3
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _kind_of(value: Cell, column: Column) -> CellType:
    """Blocks mix kinds in one column: a text column may hold a count."""
    if isinstance(value, str):
        return CellType.DATE if column.type is CellType.DATE else CellType.TEXT
    return CellType.INTEGER if isinstance(value, int) else column.type


def _cell_writer(sheet: Any, kind: CellType, formats: _Formats, *, styled: bool) -> Callable[[int, int, Any], None]:
    """`styled` cells carry their format themselves; the others take their column's."""
    style = formats.of(kind) if styled else None

    def write_text(row: int, column: int, value: str) -> None:
        sheet.write_string(row, column, _inert(value), style)

    def write_date(row: int, column: int, value: str) -> None:
        sheet.write_number(row, column, _serial_day(value), style)

    def write_number(row: int, column: int, value: float) -> None:
        sheet.write_number(row, column, value, style)

    def write_quantity(row: int, column: int, value: float) -> None:
        sheet.write_number(row, column, value, style if value == int(value) else formats.fraction)

    special: dict[CellType, Callable[[int, int, Any], None]] = {
        CellType.TEXT: write_text,
        CellType.DATE: write_date,
        CellType.QUANTITY: write_quantity,
    }
    return special.get(kind, write_number)


def _inert(value: str) -> str:
    """XlsxWriter takes an inline text of the form `<r>…</r>` for markup of its own and copies it unescaped."""
    if value.startswith("<r>") and value.endswith("</r>"):
        value += " "
    return shortened(value, EXCEL_TEXT_LIMIT)


@lru_cache(maxsize=4096)
def _serial_day(iso_date: str) -> int:
    return date.fromisoformat(iso_date).toordinal() - _EXCEL_DAY_ZERO
