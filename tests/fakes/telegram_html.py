"""Telegram's HTML mode: markup to plain text and entities, with the server's own refusals."""

import re
from dataclasses import dataclass, field
from typing import Any

SIMPLE = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
OTHER = {"a", "span", "tg-emoji"}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
REFERENCE = re.compile(r"&(?:#(?P<decimal>[0-9]+)|#[xX](?P<hex>[0-9a-fA-F]+)|(?P<name>[a-z]+));?")
ATTRIBUTE = re.compile(r"""\s*([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?""")
MAX_ENTITIES = 100


class EntityError(ValueError):
    """What follows `can't parse entities: ` in the answer."""


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@dataclass
class _Open:
    name: str
    attributes: dict[str, str]
    offset: int  # UTF-16 units of the text before the tag


@dataclass
class _Parser:
    source: str
    position: int = 0
    pieces: list[str] = field(default_factory=list)
    units: int = 0
    stack: list[_Open] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> tuple[str, list[dict[str, Any]]]:
        while self.position < len(self.source):
            if self.source[self.position] == "<":
                self._tag()
            elif self.source[self.position] == "&":
                self._reference()
            else:
                end = min((at for at in (self.source.find(c, self.position) for c in "<&") if at >= 0), default=None)
                self._append(self.source[self.position : end])
                self.position = len(self.source) if end is None else end
        if self.stack:
            raise EntityError(f'Can\'t find end tag corresponding to start tag "{self.stack[-1].name}"')
        return "".join(self.pieces), sorted(self.entities, key=lambda e: (e["offset"], -e["length"]))[:MAX_ENTITIES]

    def _append(self, text: str) -> None:
        self.pieces.append(text)
        self.units += utf16_length(text)

    def _reference(self) -> None:
        match = REFERENCE.match(self.source, self.position)
        decoded = _decode(match) if match else None
        if match is None or decoded is None:
            self._append("&")
            self.position += 1
            return
        self._append(decoded)
        self.position = match.end()

    def _tag(self) -> None:
        byte_offset = len(self.source[: self.position].encode())
        end = self.source.find(">", self.position)
        closing = self.source.startswith("</", self.position)
        if end < 0:
            kind = "end" if closing else "start"
            raise EntityError(f"Unclosed {kind} tag at byte offset {byte_offset}")
        inside = self.source[self.position + (2 if closing else 1) : end]
        if closing:
            self._close(inside.strip().lower(), byte_offset)
        else:
            self._open(inside, byte_offset)
        self.position = end + 1

    def _open(self, inside: str, byte_offset: int) -> None:
        name, _, rest = inside.partition(" ")
        name = name.lower()
        attributes = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in ATTRIBUTE.finditer(rest)}
        supported = name in SIMPLE or name in OTHER
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise EntityError(f'Tag "span" must have class "tg-spoiler" at byte offset {byte_offset}')
        if not supported:
            raise EntityError(f'Unsupported start tag "{name}" at byte offset {byte_offset}')
        self.stack.append(_Open(name, attributes, self.units))

    def _close(self, name: str, byte_offset: int) -> None:
        if not self.stack:
            raise EntityError(f"Unexpected end tag at byte offset {byte_offset}")
        opened = self.stack.pop()
        if name and name != opened.name:
            raise EntityError(
                f'Unmatched end tag at byte offset {byte_offset}, expected "</{opened.name}>", found "</{name}>"'
            )
        entity = _entity(opened, self.units - opened.offset)
        if entity is not None:
            self.entities.append(entity)


def _decode(match: re.Match[str]) -> str | None:
    if match["name"]:
        return NAMED.get(match["name"])
    code = int(match["decimal"]) if match["decimal"] else int(match["hex"], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else None


def _entity(opened: _Open, length: int) -> dict[str, Any] | None:
    if length == 0:
        return None
    entity: dict[str, Any] = {"type": SIMPLE.get(opened.name, "spoiler"), "offset": opened.offset, "length": length}
    if opened.name == "a":
        if not opened.attributes.get("href"):
            return None
        entity |= {"type": "text_link", "url": opened.attributes["href"]}
    elif opened.name == "tg-emoji":
        entity |= {"type": "custom_emoji", "custom_emoji_id": opened.attributes.get("emoji-id", "")}
    elif opened.name == "blockquote" and "expandable" in opened.attributes:
        entity["type"] = "expandable_blockquote"
    return entity


def parse_html(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Raises EntityError with Telegram's wording."""
    return _Parser(source).run()
