"""Quarantined rows as a CSV that is safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

HEADER = ("line", "column", "value", "reason", "rule", "row")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def csv_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8. A cell a spreadsheet would take for a formula gets an apostrophe in front, as OWASP recommends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_defused(cell) for cell in row])
    return out.getvalue().encode()


def _defused(cell: object) -> object:
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell
