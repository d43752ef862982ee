"""Alertmanager's webhook, version 4, and what is answered and listed."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from monitoring_service.alerts.domain import AlertStatus, ReceivedAlert, Severity

_MAX_ALERTS = 5000
_MAX_LABELS = 200


def _storable(value: str) -> str:
    """PostgreSQL keeps neither null characters nor lone surrogates."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 in UTC") from error


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
Text = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_storable)]
Labels = Annotated[dict[Name, Text], Field(max_length=_MAX_LABELS)]


class WebhookAlert(BaseModel):
    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = Field(default_factory=dict)
    starts_at: Moment = Field(alias="startsAt")
    ends_at: Moment | None = Field(default=None, alias="endsAt", description="The year 1 means: not over yet.")
    generator_url: Text | None = Field(default=None, alias="generatorURL")
    fingerprint: Name

    def received(self) -> ReceivedAlert:
        over = self.ends_at is not None and self.ends_at.year > 1 and self.status == "resolved"
        return ReceivedAlert(
            fingerprint=self.fingerprint,
            status=AlertStatus(self.status),
            starts_at=self.starts_at,
            ends_at=self.ends_at if over else None,
            labels=self.labels,
            annotations=self.annotations,
            generator_url=self.generator_url or None,
        )


class Webhook(BaseModel):
    version: Literal["4"]
    status: Literal["firing", "resolved"]
    receiver: Text
    alerts: list[WebhookAlert] = Field(max_length=_MAX_ALERTS)
    group_key: Text | None = Field(default=None, alias="groupKey")
    truncated_alerts: int = Field(default=0, ge=0, alias="truncatedAlerts")


class ReceptionReport(BaseModel):
    received: int
    fired: int = Field(description="How many of them are new or fire again; the others were known.")
    resolved: int = Field(description="How many of them ended with this notification.")


class AlertItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    fingerprint: str
    name: str
    status: AlertStatus
    severity: Severity
    service: str | None
    summary: str
    description: str | None
    starts_at: datetime
    ends_at: datetime | None
    labels: dict[str, Any]
    generator_url: str | None
