"""The forms an export takes: NDJSON, which can be verified again, and CSV for spreadsheets."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from gateway.audit.domain.chain import DayEnd, Link, Number, Seal, canonical_json
from gateway.audit.domain.verification import Frame
from gateway.audit.errors import UnreadableExportError

_COLUMNS = (
    "day",
    "sequence",
    "occurred_at",
    "id",
    "action",
    "succeeded",
    "actor_kind",
    "actor_id",
    "actor_name",
    "acting_service",
    "target",
    "address",
    "request_id",
    "previous_hash",
    "hash",
)
# What a spreadsheet takes for the beginning of a formula, also behind a space.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class ExportForm(Protocol):
    """Pieces of text: what stands first, the entries, what stands last."""

    media_type: str
    ending: str

    def head(self, frame: Frame) -> str: ...

    def entries(self, links: Sequence[Link]) -> str: ...

    def tail(self, entries: int) -> str: ...


class NdjsonForm:
    """Keys, days and seals, then the entries, then how many there were: a cut file is noticed."""

    media_type = "application/x-ndjson"
    ending = "ndjson"

    def head(self, frame: Frame) -> str:
        records: list[dict[str, Any]] = [
            *({"type": "key", "key_id": key, "public_key": value.hex()} for key, value in frame.keys.items()),
            *({"type": "day", **_end_fields(end)} for end in frame.ends.values()),
            *(
                {"type": "seal", **_end_fields(s.end), "key_id": s.key_id, "signature": s.signature.hex()}
                for s in frame.seals
            ),
        ]
        return "".join(json.dumps(record) + "\n" for record in records)

    def entries(self, links: Sequence[Link]) -> str:
        return "".join(map(_entry_line, links))

    def tail(self, entries: int) -> str:
        return json.dumps({"type": "end", "entries": entries}) + "\n"


def _end_fields(end: DayEnd) -> dict[str, Any]:
    return {"day": end.day.isoformat(), "entries": end.entries, "last_hash": end.last_hash.hex()}


def _values(link: Link) -> dict[str, Any]:
    values = {name: getattr(link, name) for name in _COLUMNS}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


def _entry_line(link: Link) -> str:
    """The details as the store has them: numbers keep the form that was hashed."""
    fields = json.dumps({"type": "entry", **_values(link)}, default=str, ensure_ascii=False)
    return f'{fields[:-1]}, "details": {link.details}}}\n'


class CsvForm:
    media_type = "text/csv; charset=utf-8"
    ending = "csv"

    def head(self, frame: Frame) -> str:  # noqa: ARG002 -- the form of the two
        return _csv([(*_COLUMNS, "details")])

    def entries(self, links: Sequence[Link]) -> str:
        return _csv((*map(_cell, _values(link).values()), _cell(link.details)) for link in links)

    def tail(self, entries: int) -> str:  # noqa: ARG002 -- the form of the two
        return ""


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    """With an apostrophe in front, a spreadsheet shows a formula instead of running it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


FORMS: Mapping[str, ExportForm] = {"ndjson": NdjsonForm(), "csv": CsvForm()}


@dataclass
class ReadExport:
    """What an NDJSON export holds. Entries are read while they are verified; memory stays flat."""

    frame: Frame
    lines: Iterator[tuple[int, dict[str, Any]]]
    entries: int = 0
    ended: bool = field(default=False, init=False)

    def links(self) -> Iterator[Link]:
        """Raises: UnreadableExportError, naming the line; also when the end is missing."""
        for number, record in self.lines:
            if self.ended:
                raise UnreadableExportError(f"line {number}: there is more after the end")
            if record.get("type") == "end":
                self.ended = True
                if int(record["entries"].text) != self.entries:
                    raise UnreadableExportError(
                        f"line {number}: says {record['entries'].text} entries, not {self.entries}"
                    )
                continue
            self.entries += 1
            yield _parsed(number, record, _link)
        if not self.ended:
            raise UnreadableExportError("the end is missing: the file was cut")


def read_export(lines: Iterable[str]) -> ReadExport:
    """Raises: UnreadableExportError."""
    records = _records(lines)
    ends: dict[date, DayEnd] = {}
    seals: list[Seal] = []
    keys: dict[str, bytes] = {}
    first: list[tuple[int, dict[str, Any]]] = []
    for number, record in records:
        kind = record.get("type")
        if kind == "key":
            keys |= _parsed(number, record, lambda r: {r["key_id"]: bytes.fromhex(r["public_key"])})
        elif kind == "day":
            end = _parsed(number, record, _end)
            ends[end.day] = end
        elif kind == "seal":
            seals.append(_parsed(number, record, lambda r: Seal(_end(r), r["key_id"], bytes.fromhex(r["signature"]))))
        else:
            first.append((number, record))
            break
    frame = Frame(ends, seals, keys, before=None, is_whole=False)
    return ReadExport(frame, _joined(first, records))


def _joined(
    first: list[tuple[int, dict[str, Any]]], rest: Iterator[tuple[int, dict[str, Any]]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from first
    yield from rest


def _records(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line, parse_int=Number, parse_float=Number)
        except (ValueError, RecursionError) as error:
            raise UnreadableExportError(f"line {number}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise UnreadableExportError(f"line {number}: not a JSON object")
        yield number, record


def _parsed(number: int, record: dict[str, Any], parse: Any) -> Any:
    try:
        return parse(record)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadableExportError(f"line {number}: not a line of an export: {error!r}") from error


def _end(record: Mapping[str, Any]) -> DayEnd:
    return DayEnd(date.fromisoformat(record["day"]), int(record["entries"].text), bytes.fromhex(record["last_hash"]))


def _link(record: Mapping[str, Any]) -> Link:
    if record["type"] != "entry":
        raise ValueError(f"type is {record['type']}")
    return Link(
        id=UUID(record["id"]),
        day=date.fromisoformat(record["day"]),
        sequence=int(record["sequence"].text),
        previous_hash=bytes.fromhex(record["previous_hash"]),
        hash=bytes.fromhex(record["hash"]),
        occurred_at=datetime.fromisoformat(record["occurred_at"]),
        action=record["action"],
        succeeded=record["succeeded"] is True,
        actor_kind=record["actor_kind"],
        actor_id=record["actor_id"],
        actor_name=record["actor_name"],
        acting_service=record["acting_service"],
        target=record["target"],
        address=record["address"],
        request_id=record["request_id"],
        details=canonical_json(record["details"]),
    )
