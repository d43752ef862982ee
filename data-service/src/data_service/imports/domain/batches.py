"""What comes out of reading: checked rows, column-wise, and the rows set aside with their reasons."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_service.imports.domain.cells import Cells
from data_service.imports.domain.rows import RowBlock, shown

_SHOWN_CHARACTERS = 500


class RejectedRow(NamedTuple):
    """One row in quarantine; `line` counts lines of the file from 1, `row` is its text as it came."""

    line: int
    column: str | None
    value: str | None
    reason: str
    rule: str
    row: str

    @classmethod
    def of(cls, block: RowBlock, index: int, column: str, value: str, reason: str, rule: str) -> Self:
        line = int(block.lines[index])
        return cls(line, column, value[:_SHOWN_CHARACTERS], reason, rule, shown(block.row(index)))


@dataclass
class Batch:
    """Rows of one block after all checks.

    Attributes:
        codes: `DictionaryArray` of text by column; the empty string where nothing was given.
        numbers: float64 by column, NaN where nothing was given.
        dates: `datetime64[D]` by column, NaT where nothing was given.
        rows: position of each row in the block it came from.
        cells: the text the rows were made of.
        fingerprints: 64-bit hash of each row's text, equal for rows equal to the byte; changes between processes.
        read: rows looked at, which is always `len(self) + len(rejected) + blank`.
        fixed: rows whose value was repaired, by rule; these are among the rows.
    """

    cells: Cells
    rows: NDArray[np.int64]
    fingerprints: NDArray[np.int64]
    read: int
    blank: int
    codes: dict[str, pa.DictionaryArray] = field(default_factory=dict)
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    dates: dict[str, NDArray[np.datetime64]] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    fixed: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lines(self) -> NDArray[np.int64]:
        """Line of the file each row begins on, from 1."""
        lines: NDArray[np.int64] = self.cells.block.lines[self.rows]
        return lines

    def reject(self, is_bad: NDArray[np.bool_], rule: str, column: str, reason: str) -> None:
        """Sets rows aside after all, for what only the stored data can tell."""
        if not is_bad.any():
            return
        values = self.codes[column].filter(pa.array(is_bad)).dictionary_decode().to_pylist()
        for index, value in zip(self.rows[is_bad], values, strict=True):
            self.rejected.append(RejectedRow.of(self.cells.block, int(index), column, value, reason, rule))
        self.keep(~is_bad)

    def keep(self, is_good: NDArray[np.bool_]) -> None:
        if is_good.all():
            return
        mask = pa.array(is_good)
        self.codes = {name: values.filter(mask) for name, values in self.codes.items()}
        self.numbers = {name: values[is_good] for name, values in self.numbers.items()}
        self.dates = {name: values[is_good] for name, values in self.dates.items()}
        self.rows = self.rows[is_good]
        self.fingerprints = self.fingerprints[is_good]

    def texts(self, name: str) -> list[str | None]:
        """Decoded column with None for what is absent or empty."""
        column = self.codes.get(name)
        if column is None:
            return [None] * len(self)
        return [value or None for value in column.dictionary_decode().to_pylist()]

    def amounts(self, name: str) -> list[float | None]:
        column = self.numbers.get(name)
        if column is None:
            return [None] * len(self)
        return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124  (NaN)

    def days(self, name: str) -> list[date | None]:
        column = self.dates.get(name)
        if column is None:
            return [None] * len(self)
        days: list[date | None] = column.tolist()
        return days
