"""Message markup: Telegram's HTML subset, where line breaks count and every value is escaped."""

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_TAG_FORM = r"<(?P<close>/?)(?P<name>[a-z-]+)[^>]*>"
_REFERENCE_FORM = r"&(?:#\d+|#x[0-9a-fA-F]+|lt|gt|amp|quot);"
_TAG = re.compile(_TAG_FORM)
_REFERENCE = re.compile(_REFERENCE_FORM)
_PIECE = re.compile(rf"(?P<tag>{_TAG_FORM})|{_REFERENCE_FORM}|.", re.DOTALL)
_HREF = re.compile(r'href="([^"]*)"')
_JOINER = "\u200d"
_MAX_CLUSTER_UNITS = 64
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Piece:
    """A tag, or visible text that must stay together; `units` are UTF-16 units, 0 for a tag."""

    kind: Literal["open", "close", "text"]
    source: str
    units: int
    name: str = ""

    @property
    def text(self) -> str:
        return html.unescape(self.source) if self.kind == "text" else ""


def utf16_units(text: str) -> int:
    """Telegram's measure of length: characters outside the basic plane count twice."""
    return len(text) + sum(character > "\uffff" for character in text)


def pieces(markup: str) -> Iterator[Piece]:
    """Tags, and text in clusters: no break inside a character reference, an emoji sequence or a combined letter."""
    pending = ""
    for match in _PIECE.finditer(markup):
        source = match.group()
        if match["tag"]:
            if pending:
                yield _text(pending)
                pending = ""
            yield Piece("close" if match["close"] else "open", source, 0, match["name"])
        elif pending and _belongs(html.unescape(pending), html.unescape(source)):
            pending += source
        else:
            if pending:
                yield _text(pending)
            pending = source
    if pending:
        yield _text(pending)


def _text(source: str) -> Piece:
    return Piece("text", source, utf16_units(html.unescape(source)))


def _belongs(before: str, character: str) -> bool:
    """Whether `character` is shown as one with the cluster `before`."""
    if not before or len(character) != 1 or utf16_units(before) >= _MAX_CLUSTER_UNITS:
        return False
    if before[-1] == _JOINER or character == _JOINER:
        return True
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Mc"}:
        return True
    if _is_regional(character):
        return len(before) == 1 and _is_regional(before)
    return "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def plain_text(markup: str, *, links: bool = True) -> str:
    """The same message without markup; the address of a link follows its label in parentheses, if `links`."""
    result: list[str] = []
    open_links: list[str] = []
    position = 0
    for tag in _TAG.finditer(markup):
        result.append(_unescape(markup[position : tag.start()]))
        position = tag.end()
        if tag["name"] != "a":
            continue
        if not tag["close"]:
            found = _HREF.search(tag.group())
            open_links.append(_unescape(found[1]) if found else "")
        elif open_links and links and (address := open_links.pop()):
            result.append(f" ({address})")
    result.append(_unescape(markup[position:]))
    return "".join(result)


def _unescape(text: str) -> str:
    return _REFERENCE.sub(lambda reference: html.unescape(reference.group()), text)


def has_text(markup: str) -> bool:
    return bool(_TAG.sub("", markup).strip())


def printable(text: str) -> str:
    """Without control characters, half surrogates and marks that reverse the direction of text; lines stay."""
    return "".join(
        c for c in text if c == "\n" or (unicodedata.category(c) not in {"Cc", "Cs"} and c not in _DIRECTION)
    )


def escape(text: str) -> str:
    """Plain text as markup that shows exactly it."""
    return html.escape(text, quote=True)
