"""What an alert from Alertmanager means here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

Severity = Literal["info", "warning", "critical"]

_SEVERITIES: dict[str, Severity] = {
    "info": "info",
    "none": "info",
    "page": "critical",
    "critical": "critical",
    "error": "critical",
}
_UNNAMED = "UnnamedAlert"
_NAME_LIMIT = 255


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class ReceivedAlert:
    """One entry of a notification. `fingerprint` and `starts_at` together name one firing."""

    fingerprint: str
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str | None

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")[:_NAME_LIMIT] or _UNNAMED

    @property
    def severity(self) -> Severity:
        """Whatever the rule calls it; an unknown word is a warning, so that nothing is lost in silence."""
        return _SEVERITIES.get(self.labels.get("severity", "").lower(), "warning")

    @property
    def service(self) -> str | None:
        return self.labels.get("service") or None

    @property
    def summary(self) -> str:
        return self.annotations.get("summary") or self.annotations.get("message") or self.name

    @property
    def description(self) -> str | None:
        return self.annotations.get("description") or None


def is_news(known: AlertStatus | None, received: AlertStatus) -> bool:
    """Whether people must hear of it. Alertmanager repeats itself; only a changed status is news."""
    return known is not received
