"""CSV cells and files."""

import csv
from pathlib import Path

import pytest

from storage_service.exports.adapters.delimited import csv_cell, write_csv
from storage_service.exports.adapters.spool import RenderJob
from storage_service.exports.domain.layout import Cell, CellType, Column, CsvDialect, Layout

RUSSIAN = CsvDialect(";", byte_order_mark=True, decimal_separator=",")
PLAIN = CsvDialect(",", byte_order_mark=False, decimal_separator=".")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (-5, CellType.QUANTITY, "-5"),
        (-5.25, CellType.MONEY, "-5,25"),
        (7.0, CellType.QUANTITY, "7"),
        (7, CellType.MONEY, "7,00"),
        (0.333333, CellType.PERCENT, "0,3333"),
        (1e15, CellType.MONEY, "1000000000000000,00"),
        (None, CellType.MONEY, ""),
        ("2026-11-22", CellType.DATE, "2026-11-22"),
        ("-5", CellType.TEXT, "'-5"),
    ],
)
def test_numbers_stay_numbers_and_texts_are_guarded(value: Cell, kind: CellType, expected: str) -> None:
    assert csv_cell(value, kind, RUSSIAN) == expected


def written(path: Path, dialect: CsvDialect, rows: list[list[Cell]]) -> bytes:
    columns = (Column("Name", CellType.TEXT, 10), Column("Sum", CellType.MONEY, 10))
    job = RenderJob(Layout("en", "Plan", "Summary", columns), (), dialect, len(rows))
    write_csv(job, rows, path, lambda _done: None)
    return path.read_bytes()


def test_a_russian_file_has_a_mark_semicolons_and_commas(tmp_path: Path) -> None:
    content = written(tmp_path / "out", RUSSIAN, [["Болт; М8", 1234.5]])
    assert content == '\ufeffName;Sum\r\n"Болт; М8";1234,50\r\n'.encode()


def test_quotes_and_line_breaks_survive_the_round_trip(tmp_path: Path) -> None:
    text = 'he said "no",\r\nthen left'
    content = written(tmp_path / "out", PLAIN, [[text, 1]]).decode()
    assert list(csv.reader(content.splitlines(keepends=True))) == [["Name", "Sum"], [text, "1.00"]]


def test_no_rows_still_have_a_header(tmp_path: Path) -> None:
    assert written(tmp_path / "out", PLAIN, []) == b"Name,Sum\r\n"
