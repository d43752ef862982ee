"""Where each row of a delimited text begins and ends, and on which line of the file."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data_service.imports.domain.limits import ReadLimits

_NEWLINE = 10
_QUOTE = 34
_SHOWN_BYTES = 4096


@dataclass(frozen=True)
class BrokenRow:
    """A row that could not be taken apart; `text` is cut to a few kilobytes."""

    line: int
    text: str
    rule: str
    reason: str


@dataclass(frozen=True)
class RowBlock:
    """Rows `data[starts[i]:ends[i]]`, in file order; `lines[i]` is the first line of row i, counted from 1."""

    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    broken: list[BrokenRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.starts)

    def row(self, index: int) -> bytes:
        return self.data[self.starts[index] : self.ends[index]]


class RowSplitter:
    """Splits blocks of text into rows; a row that goes on in the next block is carried over.

    Quotes are honoured at the start of a field only, so `pipe 12"` is an ordinary value.
    """

    def __init__(self, delimiter: str, limits: ReadLimits) -> None:
        self._delimiter = delimiter.encode()
        self._limits = limits
        self._carry = b""
        self._line = 1
        self._skipping: BrokenRow | None = None

    def split(self, block: bytes, *, final: bool) -> RowBlock:
        data = self._carry + block
        self._carry = b""
        broken: list[BrokenRow] = []
        if self._skipping is not None:
            data = self._skip_long_line(data, broken, final=final)
        if final and data and not data.endswith(b"\n"):
            data += b"\n"
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)
        starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
        lines = self._line + np.arange(len(ends), dtype=np.int64)
        consumed_lines = len(ends)
        keep = np.ones(len(ends), dtype=bool)
        if data.find(b'"') >= 0:
            consumed_lines = self._join_quoted(data, starts, ends, keep, broken, final=final)
        consumed_bytes = int(ends[consumed_lines - 1]) + 1 if consumed_lines else 0
        self._line += consumed_lines
        keep[consumed_lines:] = False
        for index in np.flatnonzero(keep & (ends - starts > self._limits.max_row_bytes)):
            keep[index] = False
            broken.append(_too_long(int(lines[index]), data[starts[index] : ends[index]], self._limits))
        self._carry_over(data[consumed_bytes:])
        return RowBlock(data, starts[keep], ends[keep], lines[keep], broken)

    def _carry_over(self, rest: bytes) -> None:
        if len(rest) > self._limits.max_row_bytes and b"\n" not in rest:
            self._skipping = _too_long(self._line, rest, self._limits)
        else:
            self._carry = rest

    def _skip_long_line(self, data: bytes, broken: list[BrokenRow], *, final: bool) -> bytes:
        end = data.find(b"\n")
        if end < 0 and not final:
            return b""
        if self._skipping is not None:
            broken.append(self._skipping)
        self._skipping = None
        self._line += 1
        return data[end + 1 :] if end >= 0 else b""

    def _join_quoted(
        self,
        data: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        keep: NDArray[np.bool_],
        broken: list[BrokenRow],
        *,
        final: bool,
    ) -> int:
        """Joins the lines of rows whose quoted field spans lines, in place; returns how many lines are complete."""
        next_line = 0
        for first in _lines_to_look_at(data, starts, ends, self._delimiter):
            if first < next_line or not _ends_open(data[starts[first] : ends[first]], self._delimiter, is_open=False):
                continue
            last = self._closing_line(data, starts, ends, int(first))
            if last is None and not final and self._may_still_close(starts, ends, int(first)):
                return int(first)
            if last is None:
                keep[first] = False
                broken.append(_unclosed(self._line + int(first), data[starts[first] : ends[first]]))
                continue
            keep[first + 1 : last + 1] = False
            ends[first] = ends[last]
            next_line = last + 1
        return len(ends)

    def _closing_line(self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], first: int) -> int | None:
        for line in range(first + 1, min(first + self._limits.max_lines_per_row, len(ends))):
            if ends[line] - starts[first] > self._limits.max_row_bytes:
                return None
            if not _ends_open(data[starts[line] : ends[line]], self._delimiter, is_open=True):
                return line
        return None

    def _may_still_close(self, starts: NDArray[np.int64], ends: NDArray[np.int64], first: int) -> bool:
        is_short = ends[-1] - starts[first] <= self._limits.max_row_bytes
        return bool(is_short) and len(ends) - first < self._limits.max_lines_per_row


def _lines_to_look_at(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], delimiter: bytes
) -> NDArray[np.int64]:
    """Lines with quotes that are not simply `"…"` fields side by side."""
    text = np.frombuffer(b"\n" + data, np.uint8)
    quotes = np.flatnonzero(text[1:] == _QUOTE)
    if not len(ends):
        return ends
    quotes = quotes[quotes < ends[-1]]
    line_of = np.searchsorted(ends, quotes)
    nth_in_line = np.arange(len(quotes)) - np.searchsorted(quotes, starts)[line_of]
    opens, closes = text[quotes], text[quotes + 2]
    neighbour = np.where(nth_in_line % 2 == 0, opens, closes)
    is_plain = (neighbour == delimiter[0]) | (neighbour == _NEWLINE)
    per_line = np.bincount(line_of, minlength=len(ends))
    odd_ones = np.bincount(line_of, weights=~is_plain, minlength=len(ends))
    return np.flatnonzero((per_line % 2 == 1) | (odd_ones > 0))


def _ends_open(line: bytes, delimiter: bytes, *, is_open: bool) -> bool:
    """Whether a quoted field is still open at the end of the line."""
    position = 0
    while True:
        if not is_open and line.startswith(b'"', position):
            is_open = True
            position += 1
        if is_open:
            position = line.find(b'"', position)
            if position < 0:
                return True
            if line.startswith(b'""', position):
                position += 2
                continue
            is_open = False
        position = line.find(delimiter, position)
        if position < 0:
            return False
        position += 1


def _too_long(line: int, text: bytes, limits: ReadLimits) -> BrokenRow:
    reason = f"the row is longer than {limits.max_row_bytes} bytes"
    return BrokenRow(line, shown(text), "row_too_long", reason)


def _unclosed(line: int, text: bytes) -> BrokenRow:
    return BrokenRow(line, shown(text), "unclosed_quote", "a quoted value begins here and never ends")


def shown(text: bytes) -> str:
    """The beginning of a row, fit for a text column."""
    return text[:_SHOWN_BYTES].decode("utf-8", errors="replace").replace("\0", "␀")
