"""Events published by monitoring-service."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.envelope import Event
from shared.events.fields import Code, UtcDatetime


class AlertEvent(Event):
    """What both alert events say about the alert."""

    fingerprint: Code
    """Same for the same alert each time it fires."""
    name: Code
    severity: Literal["info", "warning", "critical"]
    service: str | None = None
    """Owner name of the affected service; null when it concerns none or several."""
    summary: str
    """One sentence for a person."""
    description: str | None = None
    """Details and what to do."""
    incident_id: UUID | None = None
    started_at: UtcDatetime


class AlertFiredV1(AlertEvent):
    """An alert began."""

    event_type: ClassVar[str] = "monitoring.alert.fired.v1"


class AlertResolvedV1(AlertEvent):
    """An alert ended."""

    event_type: ClassVar[str] = "monitoring.alert.resolved.v1"

    resolved_at: UtcDatetime
