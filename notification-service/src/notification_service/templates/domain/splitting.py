"""Splitting a message that is longer than a channel takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from notification_service.templates.domain.markup import Piece, has_text, pieces, utf16_units

TELEGRAM_TEXT_UNITS = 4096


@dataclass
class _Part:
    sources: list[str] = field(default_factory=list)
    has_text: bool = False


def split_markup(markup: str, limit: int = TELEGRAM_TEXT_UNITS) -> list[str]:
    """Parts of at most `limit` visible UTF-16 units, each well-formed by itself; an empty message has no parts.

    A break falls on a line border when one lies in the second half of a part, else on a space, else between two
    characters. Tags open at a break are closed before it and opened again after it; white space at a break is dropped.
    """
    if utf16_units(markup) <= limit:
        return [markup] if has_text(markup) else []
    items = list(pieces(markup))
    parts: list[str] = []
    stack: list[Piece] = []
    start = _skip_space(items, 0)
    while start < len(items):
        end = _end_of_part(items, start, limit)
        part = _build(items[start:end], stack)
        if part.has_text:
            parts.append("".join(part.sources))
        start = _skip_space(items, end)
    return parts


def _skip_space(items: Sequence[Piece], start: int) -> int:
    """Past white space, but never past a tag: it still has to be applied."""
    while start < len(items) and items[start].kind == "text" and items[start].text.isspace():
        start += 1
    return start


def _end_of_part(items: Sequence[Piece], start: int, limit: int) -> int:
    units = 0
    line = space = None
    for index in range(start, len(items)):
        piece = items[index]
        if units + piece.units > limit:
            return line or space or max(index, start + 1)
        units += piece.units
        if piece.kind == "text" and units > limit // 2:
            line = index + 1 if piece.source == "\n" else line
            space = index + 1 if piece.source == " " else space
    return len(items)


def _build(items: Sequence[Piece], stack: list[Piece]) -> _Part:
    """`stack` holds the tags open before the items, and afterwards those open behind them."""
    part = _Part([piece.source for piece in stack])
    last_text = max(
        (i for i, piece in enumerate(items) if piece.kind == "text" and not piece.text.isspace()), default=-1
    )
    for index, piece in enumerate(items):
        if piece.kind == "text" and index > last_text:
            continue
        part.sources.append(piece.source)
        if piece.kind == "open":
            stack.append(piece)
        elif piece.kind == "close" and stack:
            stack.pop()
    part.sources.extend(f"</{piece.name}>" for piece in reversed(stack))
    part.has_text = last_text >= 0
    return part
