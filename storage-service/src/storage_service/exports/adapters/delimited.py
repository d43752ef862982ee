"""Writes a table as a CSV file that spreadsheet programs open without asking."""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from storage_service.exports.adapters.spool import RenderJob
from storage_service.exports.domain.layout import Cell, CellType, CsvDialect
from storage_service.exports.domain.text import guard_formula

_PROGRESS_ROWS = 5_000
_MAX_DECIMALS = 4
_MIN_DECIMALS = {CellType.MONEY: 2}


def write_csv(job: RenderJob, rows: Iterable[Sequence[Cell]], path: Path, progress: Callable[[int], None]) -> None:
    columns = job.layout.columns
    encoding = "utf-8-sig" if job.dialect.byte_order_mark else "utf-8"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=job.dialect.delimiter, lineterminator="\r\n")
        writer.writerow([column.header for column in columns])
        written = 0
        for row in rows:
            writer.writerow(
                [csv_cell(value, column.type, job.dialect) for value, column in zip(row, columns, strict=True)]
            )
            written += 1
            if written % _PROGRESS_ROWS == 0:
                progress(written)
        progress(written)


def csv_cell(value: Cell, kind: CellType, dialect: CsvDialect) -> str:
    """Texts are guarded against evaluation; numbers stay numbers, so a negative one keeps its sign."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value if kind is CellType.DATE else guard_formula(value)
    return _number(value, _MIN_DECIMALS.get(kind, 0)).replace(".", dialect.decimal_separator)


def _number(value: float, min_decimals: int) -> str:
    whole, _, fraction = f"{value:.{_MAX_DECIMALS}f}".partition(".")
    fraction = fraction.rstrip("0").ljust(min_decimals, "0")
    return f"{whole}.{fraction}" if fraction else whole
