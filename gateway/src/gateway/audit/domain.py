"""One entry of the audit trail, and how fast denied requests may fill it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


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


@dataclass(frozen=True)
class RecordedEntry:
    id: UUID
    occurred_at: datetime
    entry: Entry


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
