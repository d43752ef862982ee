"""An open incident as the probes see it, and what may happen to it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

IncidentState = Literal["open", "resolved"]


@dataclass(frozen=True)
class OpenIncident:
    """`affected` holds the names of the targets it still covers, the root included while that is down."""

    id: UUID
    root: str
    affected: frozenset[str]


@dataclass(frozen=True)
class Opened:
    root: str
    error: str | None


@dataclass(frozen=True)
class Joined:
    """`incident_id` is None for an incident opened in the same round."""

    incident_id: UUID | None
    root: str
    target: str


@dataclass(frozen=True)
class Recovered:
    """`moved`: still down, but from now on in an incident of its own."""

    incident_id: UUID
    target: str
    moved: bool = False


@dataclass(frozen=True)
class Resolved:
    incident_id: UUID


Change = Opened | Joined | Recovered | Resolved
