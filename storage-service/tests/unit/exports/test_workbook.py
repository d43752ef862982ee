"""Workbooks, read back by two independent readers."""

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from storage_service.exports.adapters import workbook
from storage_service.exports.adapters.spool import RenderJob
from storage_service.exports.domain.layout import Block, Cell, CellType, Column, CsvDialect, Language, Layout

COLUMNS = (
    Column("SKU", CellType.TEXT, 12),
    Column("Quantity", CellType.QUANTITY, 10),
    Column("Sum", CellType.MONEY, 12),
    Column("Order by", CellType.DATE, 12),
    Column("Service", CellType.PERCENT, 10),
)
BLOCKS = (
    Block("About", (Column("What", CellType.TEXT, 30), Column("Value", CellType.TEXT, 10)), (("Lines", 3),)),
    Block(
        "Totals",
        (Column("What", CellType.TEXT, 20), Column("Lines", CellType.INTEGER, 10), Column("Sum", CellType.MONEY, 14)),
        (("Totals", 3, 1234.5),),
    ),
)
FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://evil","x")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "{=1}",
    "http://evil",
    "'=1",
    "<r>&evil</r>",
]


def make(path: Path, rows: list[list[Cell]], language: Language = "en", blocks: tuple[Block, ...] = BLOCKS) -> Path:
    job = RenderJob(Layout(language, "Plan", "Summary", COLUMNS), blocks, CsvDialect(), len(rows))
    workbook.write_workbook(job, rows, path, lambda _done: None)
    return path


def test_values_and_types_come_back_in_both_readers(tmp_path: Path) -> None:
    path = make(tmp_path / "plan.xlsx", [["A-1", 12, 99.5, "2026-11-30", 0.95], ["Б-2", 1.5, None, None, None]])
    expected = [
        ["SKU", "Quantity", "Sum", "Order by", "Service"],
        ["A-1", 12.0, 99.5, dt.date(2026, 11, 30), 0.95],
        ["Б-2", 1.5, "", "", ""],
    ]
    assert CalamineWorkbook.from_path(path).get_sheet_by_name("Plan").to_python() == expected
    sheet = openpyxl.load_workbook(path)["Plan"]
    assert [cell.value for cell in sheet[2]] == ["A-1", 12, 99.5, dt.datetime.fromisoformat("2026-11-30"), 0.95]
    assert [sheet.cell(2, column).data_type for column in range(1, 6)] == ["s", "n", "n", "d", "n"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula_a_link_or_markup(tmp_path: Path, text: str) -> None:
    path = make(tmp_path / "plan.xlsx", [[text, 1, 1, None, None]])
    cell = openpyxl.load_workbook(path)["Plan"]["A2"]
    assert cell.data_type == "s"
    assert cell.value.rstrip() == text
    assert cell.hyperlink is None
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name, content in parts.items() if b"<f>" in content or b"<f " in content]
    assert not [name for name in parts if "externalLink" in name or "hyperlink" in name]


def test_the_header_is_frozen_filtered_and_the_columns_are_wide_enough(tmp_path: Path) -> None:
    sheet: Any = openpyxl.load_workbook(make(tmp_path / "plan.xlsx", [["A", 1, 1, "2026-01-01", 1]]))["Plan"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:E2"
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["A"].width == pytest.approx(12, abs=1)
    assert (sheet["C2"].number_format, sheet["E2"].number_format) == ("#,##0.00", "0.0%")


@pytest.mark.parametrize(("language", "pattern"), [("ru", "dd.mm.yyyy"), ("en", "yyyy-mm-dd")])
def test_dates_are_shown_as_the_language_writes_them(tmp_path: Path, language: Language, pattern: str) -> None:
    sheet = openpyxl.load_workbook(make(tmp_path / "plan.xlsx", [["A", 1, 1, "2026-01-31", 1]], language))["Plan"]
    assert sheet["D2"].number_format == pattern


def test_the_summary_holds_every_block_with_its_numbers(tmp_path: Path) -> None:
    rows = CalamineWorkbook.from_path(make(tmp_path / "plan.xlsx", [])).get_sheet_by_name("Summary").to_python()
    assert rows[0][0] == "About"
    assert rows[2][:2] == ["Lines", 3.0]
    assert ["Totals", 3.0, 1234.5] in rows


def test_a_plan_without_lines_is_a_workbook_with_a_header(tmp_path: Path) -> None:
    rows = CalamineWorkbook.from_path(make(tmp_path / "plan.xlsx", [])).get_sheet_by_name("Plan").to_python()
    assert rows == [[column.header for column in COLUMNS]]


def test_rows_beyond_one_worksheet_continue_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 4)
    reports: list[int] = []
    rows: list[list[Cell]] = [[f"A{number}", number, 1, None, None] for number in range(7)]
    job = RenderJob(Layout("en", "Plan", "Summary", COLUMNS), BLOCKS, CsvDialect(), len(rows))
    workbook.write_workbook(job, rows, tmp_path / "plan.xlsx", reports.append)
    book = CalamineWorkbook.from_path(tmp_path / "plan.xlsx")
    assert book.sheet_names == ["Plan", "Plan 2", "Plan 3", "Summary"]
    written = [row[0] for name in book.sheet_names[:3] for row in book.get_sheet_by_name(name).to_python()[1:]]
    assert written == [f"A{number}" for number in range(7)]
    assert reports[-1] == 7


def test_a_text_over_the_limit_is_cut_visibly_and_surprising_characters_survive(tmp_path: Path) -> None:
    long, odd = "я" * 40_000, 'tab\tand "quotes" & <tags> 😀 _x0041_'
    path = make(tmp_path / "plan.xlsx", [[long, 1, 1, None, None], [odd, 1, 1, None, None]])
    sheet = openpyxl.load_workbook(path)["Plan"]
    assert sheet["A2"].value == "я" * 32_766 + "…"
    assert CalamineWorkbook.from_path(path).get_sheet_by_name("Plan").to_python()[2][0] == odd
