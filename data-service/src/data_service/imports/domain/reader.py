"""A file from its first byte to checked batches."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

import pyarrow.compute as pc

from data_service.imports.domain.batches import Batch
from data_service.imports.domain.cells import Cells, take_apart
from data_service.imports.domain.checks import Notation, check
from data_service.imports.domain.dates import DateOrderEvidence
from data_service.imports.domain.dialect import Dialect, detect_dialect
from data_service.imports.domain.kinds import RULES, ImportKind, KindRules, ValueType
from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.numbers import NumberStyleEvidence
from data_service.imports.domain.rows import RowBlock, RowSplitter
from data_service.imports.domain.text import read_text_blocks

_SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class FileReport:
    """How the file was understood."""

    columns: dict[str, str]
    ignored_columns: tuple[str, ...]
    delimiter: str
    notation: Notation
    is_date_order_assumed: bool


class TableFile:
    """A delimited file of one kind, read twice: a look at its notation, then its rows in bounded memory.

    Args:
        open_file: opens the raw bytes anew; called once per pass, closed by the pass.
    """

    def __init__(self, open_file: Callable[[], BinaryIO], kind: ImportKind, limits: ReadLimits, today: date) -> None:
        self._open_file = open_file
        self._rules = RULES[kind]
        self._limits = limits
        self._dialect, self.report = self._look(today)

    def batches(self) -> Iterator[Batch]:
        with closing(self._open_file()) as stream:
            for block in _row_blocks(stream, self._dialect, self._limits):
                cells = take_apart(block, self._dialect)
                yield check(cells, self._rules, self.report.notation)

    def _look(self, today: date) -> tuple[Dialect, FileReport]:
        """Reads the first block, and on until a date tells day from month if the first ones do not."""
        dates, numbers = DateOrderEvidence(), NumberStyleEvidence()
        with closing(self._open_file()) as stream:
            first = next(read_text_blocks(stream, self._limits), b"")
            dialect = detect_dialect(first, self._rules, self._limits)
        with closing(self._open_file()) as stream:
            for number, block in enumerate(_row_blocks(stream, dialect, self._limits)):
                cells = take_apart(block, dialect)
                _collect(cells, self._rules, dates, None if number else numbers)
                if not dates.is_open:
                    break
        # Where the comma is the decimal separator, spreadsheets write semicolons between columns.
        is_decimal_comma = numbers.is_comma(by_default=dialect.delimiter == ";")
        notation = Notation(dates.is_month_first, is_decimal_comma, today)
        columns = {name: dialect.header[position] for name, position in dialect.match.positions.items()}
        report = FileReport(columns, dialect.match.ignored, dialect.delimiter, notation, dates.is_open)
        return dialect, report


def _collect(cells: Cells, rules: KindRules, dates: DateOrderEvidence, numbers: NumberStyleEvidence | None) -> None:
    for name, column in cells.columns.items():
        value_type = rules.column(name).value_type
        if value_type is ValueType.DATE:
            dates.add(pc.utf8_trim_whitespace(column.unique()))
        elif value_type is ValueType.NUMBER and numbers is not None:
            numbers.add(pc.utf8_trim_whitespace(column.slice(0, _SAMPLE_ROWS).unique()))


def _row_blocks(stream: BinaryIO, dialect: Dialect, limits: ReadLimits) -> Iterator[RowBlock]:
    """Blocks of data rows; the header (and Excel's `sep=` line before it) is taken off the first one."""
    splitter = RowSplitter(dialect.delimiter, limits)
    is_header_pending = True
    previous: bytes | None = None
    for text in read_text_blocks(stream, limits):
        if previous is not None:
            block = splitter.split(previous, final=False)
            block, is_header_pending = _without_header(block, is_pending=is_header_pending)
            yield block
        previous = text
    if previous is not None:
        yield _without_header(splitter.split(previous, final=True), is_pending=is_header_pending)[0]


def _without_header(block: RowBlock, *, is_pending: bool) -> tuple[RowBlock, bool]:
    if not is_pending:
        return block, False
    first = 0
    while first < len(block) and (not block.row(first).strip() or block.row(first).lower().startswith(b"sep=")):
        first += 1
    is_found = first < len(block)
    rest = slice(first + 1, None)
    return RowBlock(block.data, block.starts[rest], block.ends[rest], block.lines[rest], block.broken), not is_found
