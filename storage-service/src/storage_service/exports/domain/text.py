"""Texts made safe for the programs that open an export."""

import re

# Characters no worksheet can hold; tab and line breaks are legal inside a cell.
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

# Spreadsheet programs evaluate a CSV cell that starts with one of these, full-width forms included.
# Source: OWASP, CSV Injection.
_FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")

EXCEL_TEXT_LIMIT = 32_767
SHEETS_TEXT_LIMIT = 50_000


def clean_text(value: str) -> str:
    """Replaces what cannot stand in a cell by U+FFFD."""
    return _CONTROL_CHARACTERS.sub("\ufffd", value)


def shortened(value: str, limit: int) -> str:
    """A text over the program's limit (in UTF-16 units, as they count) ends in an ellipsis, so that the cut shows."""
    if len(value) <= limit // 2:
        return value
    encoded = value.encode("utf-16-le")
    if len(encoded) <= 2 * limit:
        return value
    return encoded[: 2 * (limit - 1)].decode("utf-16-le", errors="ignore") + "…"


def guard_formula(value: str) -> str:
    """Puts an apostrophe before a text that a spreadsheet program would evaluate.

    Leading spaces do not disarm a formula in every program, so the first character that is not a space counts.
    """
    stripped = value.lstrip(" ")
    return "'" + value if stripped and stripped[0] in _FORMULA_STARTS else value
