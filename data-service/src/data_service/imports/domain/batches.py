"""What comes out of reading: checked rows, column-wise, and the rows set aside with their reasons."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class RejectedRow(NamedTuple):
    """One row in quarantine; `line` counts lines of the file from 1, `row` is its text as it came."""

    line: int
    column: str | None
    value: str | None
    reason: str
    rule: str
    row: str


@dataclass
class Batch:
    """Rows of one block after all checks.

    Attributes:
        codes: `DictionaryArray` of text by column; the empty string where nothing was given.
        numbers: float64 by column, NaN where nothing was given.
        dates: `datetime64[D]` by column, NaT where nothing was given.
        lines: line of the file each row begins on.
        fingerprints: 64-bit hash of each row's text, equal for rows equal to the byte; changes between processes.
        read: rows looked at, which is always `len(lines) + len(rejected) + blank`.
        fixed: rows whose value was repaired, by rule; these are among `lines`.
    """

    codes: dict[str, pa.DictionaryArray] = field(default_factory=dict)
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    dates: dict[str, NDArray[np.datetime64]] = field(default_factory=dict)
    lines: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    fingerprints: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    rejected: list[RejectedRow] = field(default_factory=list)
    read: int = 0
    blank: int = 0
    fixed: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.lines)

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

    def days(self, name: str) -> list[object]:
        column = self.dates.get(name)
        return [None] * len(self) if column is None else column.tolist()
