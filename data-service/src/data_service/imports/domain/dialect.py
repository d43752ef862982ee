"""Delimiter and header of a delimited text, found from its first rows."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from data_service.imports.domain.columns import ColumnMatch, match_columns
from data_service.imports.domain.kinds import KindRules
from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.problems import UnreadableFileError

_DELIMITERS = (",", ";", "\t", "|")
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


@dataclass(frozen=True)
class Dialect:
    delimiter: str
    header: tuple[str, ...]
    match: ColumnMatch

    @property
    def delimiter_name(self) -> str:
        return _DELIMITER_NAMES.get(self.delimiter, self.delimiter)


def detect_dialect(head: bytes, rules: KindRules, limits: ReadLimits) -> Dialect:
    """The delimiter under which the header names most of the wanted columns.

    Raises:
        UnreadableFileError: no header, too many columns, or a required column is missing under every delimiter.
    """
    text = head[: limits.max_row_bytes].decode("utf-8", errors="replace").lstrip("\ufeff")
    declared, text = _declared_delimiter(text)
    if not text.strip():
        raise UnreadableFileError(
            "empty_file", "Empty file", "The file has no header row; the first row names columns."
        )
    headers = [(delimiter, _first_row(text, delimiter)) for delimiter in (declared or _DELIMITERS)]
    candidates = [(match_columns(header, rules), delimiter, header) for delimiter, header in headers]
    match, delimiter, header = max(candidates, key=lambda found: (len(found[0].positions), len(found[2])))
    if len(header) > limits.max_columns:
        raise UnreadableFileError(
            "too_many_columns",
            "Too many columns",
            f"The header has {len(header)} columns, more than {limits.max_columns}; remove those that are not needed.",
        )
    _require_columns(match, header, rules)
    return Dialect(delimiter, tuple(header), match)


def _declared_delimiter(text: str) -> tuple[Sequence[str], str]:
    """Excel writes `sep=;` as a first line of its own."""
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first) == len("sep=") + 1:
        return (first[-1],), rest
    return (), text


def _first_row(text: str, delimiter: str) -> list[str]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    rows = csv.reader(io.StringIO(text.lstrip("\n")), delimiter=delimiter)
    try:
        return [name.strip() for name in next(rows)]
    except (csv.Error, StopIteration):
        return []


def _require_columns(match: ColumnMatch, header: Sequence[str], rules: KindRules) -> None:
    if not match.missing:
        return
    wanted = "; ".join(
        f"{name!r} (also accepted: {', '.join(rules.column(name).synonyms[:4])})" for name in match.missing
    )
    seen = ", ".join(repr(name[:40]) for name in header[:30])
    raise UnreadableFileError(
        "missing_column",
        "A required column is missing",
        f"A {rules.kind.value} file needs the column {wanted}. The header has: {seen}. Rename or add the column.",
    )
