"""One entry of the audit trail, cleaned of what must not stand in it, and how denied requests wait for theirs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

_MAX_CHARACTERS = 2000
_MAX_DEPTH = 6
MASK = "***"
# The last word of a name: `password_changed` and `key_prefix` tell no secret, `old_password` and `api_key` would.
_SECRET_NAME = re.compile(
    r"(?:^|[^a-z])(?:password|passwd|passphrase|secret|token|key|credentials?|authorization|cookie|otp|pin)s?$"
)
# JSON Web Tokens, argon2 hashes, PEM blocks: secrets whatever they are called.
_SECRET_VALUE = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|\$argon2\w*\$\S+|-----BEGIN [A-Z ]*PRIVATE KEY-----")
# Control and direction characters, line and paragraph separators, halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Actor:
    """Who did it. For a service that acts for a person, `acting_service` names the service."""

    kind: str
    id: str
    name: str
    acting_service: str | None = None


@dataclass(frozen=True)
class Origin:
    """Where a request came from: the client's address and the id it carries through all logs."""

    address: str
    request_id: str | None


@dataclass(frozen=True)
class Entry:
    """`action` is `<noun>.<past tense>` (`user.created`); details never hold secrets."""

    action: str
    succeeded: bool
    origin: Origin
    actor: Actor | None = None
    target: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def cleaned(entry: Entry) -> Entry:
    """What may be kept: no secrets, nothing that could pass for another line of a log, nothing endless."""
    actor, origin = entry.actor, entry.origin
    return replace(
        entry,
        action=_text(entry.action),
        target=_optional(entry.target),
        origin=Origin(_text(origin.address), _optional(origin.request_id)),
        actor=None
        if actor is None
        else Actor(_text(actor.kind), _text(actor.id), _text(actor.name), _optional(actor.acting_service)),
        details={_text(str(name)): _detail(str(name), value, 1) for name, value in entry.details.items()},
    )


def _text(value: str) -> str:
    visible = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", value[:_MAX_CHARACTERS])
    return _SECRET_VALUE.sub(MASK, visible)


def _optional(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _detail(name: str, value: Any, depth: int) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if _SECRET_NAME.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()) or depth > _MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return {_text(str(inner)): _detail(str(inner), item, depth + 1) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_detail("", item, depth + 1) for item in value]
    if isinstance(value, int):
        return value
    return _text(str(value))


@dataclass(frozen=True)
class Search:
    """What is None does not limit. `action` may end in `.*`; `start` and `end` are half-open; `words` are prefixes."""

    action: str | None = None
    actor_id: str | None = None
    actor: str | None = None
    target: str | None = None
    succeeded: bool | None = None
    address: str | None = None
    request_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    words: tuple[str, ...] = ()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a free text, as the index knows them."""
    return tuple(re.sub(r"[\W_]+", " ", text).lower().split())


class DenialQueue:
    """Denied requests waiting to be written: at most `capacity` at a time, the rest are counted, not kept."""

    def __init__(self, capacity: int = 200) -> None:
        self._capacity = capacity
        self._waiting: list[Entry] = []
        self._suppressed = 0

    def put(self, entry: Entry) -> bool:
        """False when the entry was only counted."""
        if len(self._waiting) >= self._capacity:
            self._suppressed += 1
            return False
        self._waiting.append(entry)
        return True

    def drain(self) -> tuple[list[Entry], int]:
        """What waited, oldest first, and how many more there were."""
        waiting, suppressed = self._waiting, self._suppressed
        self._waiting, self._suppressed = [], 0
        return waiting, suppressed
