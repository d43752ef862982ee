"""Rows of a block taken apart into columns of text."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from data_service.imports.domain.dialect import Dialect
from data_service.imports.domain.rows import BrokenRow, RowBlock, shown

_REPLACEMENT = "\ufffd".encode()


@dataclass(frozen=True)
class Cells:
    """Text columns by canonical name, one value per row of `rows`, which are positions in `block`."""

    block: RowBlock
    rows: NDArray[np.int64]
    columns: dict[str, pa.Array]
    broken: list[BrokenRow]

    @property
    def lines(self) -> NDArray[np.int64]:
        lines: NDArray[np.int64] = self.block.lines[self.rows]
        return lines


def take_apart(block: RowBlock, dialect: Dialect) -> Cells:
    """Columns of the matched names; rows with damaged bytes or a wrong number of fields come back as broken."""
    broken = list(block.broken)
    is_kept = block.ends > block.starts
    _drop_damaged(block, is_kept, broken)
    wanted = {f"c{position}": name for name, position in dialect.match.positions.items()}
    table, has_fields = _parse(block, dialect, list(wanted))
    wrong = np.flatnonzero(is_kept & ~has_fields)
    broken.extend(_wrong_width(block, int(index), dialect) for index in wrong)
    rows = np.flatnonzero(is_kept & has_fields)
    table = table.filter(pa.array(is_kept[has_fields])) if not is_kept[has_fields].all() else table
    columns = {wanted[name]: _one_chunk(table[name]) for name in table.column_names}
    return Cells(block, rows, columns, broken)


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([pa.array([], pa.string()), *column.chunks])


def _drop_damaged(block: RowBlock, is_kept: NDArray[np.bool_], broken: list[BrokenRow]) -> None:
    for needle, rule, reason in (
        (b"\0", "nul_byte", "the row contains a NUL byte, which is no text"),
        (_REPLACEMENT, "invalid_encoding", "the row contains bytes that are no text in the file's encoding"),
    ):
        if needle not in block.data:
            continue
        positions = np.flatnonzero(np.frombuffer(block.data, np.uint8) == needle[0])
        candidates = np.unique(np.searchsorted(block.starts, positions, side="right") - 1)
        for index in candidates[candidates >= 0]:
            if is_kept[index] and needle in block.row(index):
                is_kept[index] = False
                broken.append(BrokenRow(int(block.lines[index]), shown(block.row(index)), rule, reason))


def _parse(block: RowBlock, dialect: Dialect, wanted: Sequence[str]) -> tuple[pa.Table, NDArray[np.bool_]]:
    """The wanted columns of the rows which have the right number of fields, and which rows these are."""
    has_fields = np.ones(len(block), dtype=bool)
    if len(block) == 0:
        return pa.table({name: pa.array([], pa.string()) for name in wanted}), has_fields

    def skip(row: pacsv.InvalidRow) -> str:
        if row.number - 1 < len(has_fields):
            has_fields[row.number - 1] = False
        return "skip"

    data = _contiguous(block)
    names = [f"c{position}" for position in range(len(dialect.header))]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data),
            read_options=pacsv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
            parse_options=pacsv.ParseOptions(
                delimiter=dialect.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=list(wanted),
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return _parse_one_by_one(block, dialect, wanted)
    if table.num_rows != int(has_fields.sum()):
        return _parse_one_by_one(block, dialect, wanted)
    return table, has_fields


def _contiguous(block: RowBlock) -> bytes | memoryview:
    gaps = block.starts[1:] - block.ends[:-1]
    if (gaps == 1).all():
        return memoryview(block.data)[int(block.starts[0]) : int(block.ends[-1]) + 1]
    return b"\n".join([*(block.row(index) for index in range(len(block))), b""])


def _parse_one_by_one(block: RowBlock, dialect: Dialect, wanted: Sequence[str]) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Slow and certain: for blocks in which the fast parser sees other row boundaries than we do."""
    has_fields = np.zeros(len(block), dtype=bool)
    columns: list[list[str]] = [[] for _ in wanted]
    for index in range(len(block)):
        fields = _fields(block.row(index).decode(errors="replace"), dialect.delimiter)
        if len(fields) == len(dialect.header):
            has_fields[index] = True
            for column, name in zip(columns, wanted, strict=True):
                column.append(fields[int(name[1:])])
    arrays = (pa.array(column, pa.string()) for column in columns)
    return pa.table(dict(zip(wanted, arrays, strict=True))), has_fields


def _fields(row: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(row), delimiter=delimiter), [])
    except csv.Error:
        return []


def _wrong_width(block: RowBlock, index: int, dialect: Dialect) -> BrokenRow:
    text = block.row(index)
    found = len(_fields(text.decode(errors="replace"), dialect.delimiter))
    reason = f"the row has {found} fields separated by {dialect.delimiter_name}, the header {len(dialect.header)}"
    return BrokenRow(int(block.lines[index]), shown(text), "wrong_field_count", reason)
