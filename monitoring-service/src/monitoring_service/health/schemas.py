"""Response bodies of status and probes."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from monitoring_service.health.domain.overview import Overall
from monitoring_service.health.domain.state import Status
from monitoring_service.health.domain.targets import Kind
from monitoring_service.health.service import PlatformStatus


class TargetStatus(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    kind: Kind
    status: Status
    previous_status: Status | None = Field(description="What it was before `since`.")
    since: datetime = Field(description="When the present status began: the last change.")
    checked_at: datetime
    latency_seconds: float | None = Field(description="Of the last answer; null while there is none.")
    failures: int = Field(description="Failed probes in a row.")
    error: str | None
    dependencies: dict[str, dict[str, Any]] | None = Field(description="What the target says about its own.")


class StatusReport(BaseModel):
    overall: Overall
    as_of: datetime
    source: Literal["recorded", "live"] = Field(description="live: asked just now, as the database is away.")
    open_incidents: int | None = Field(description="Null while the database is away.")
    targets: list[TargetStatus]

    @classmethod
    def of(cls, status: PlatformStatus) -> "StatusReport":
        return cls(
            overall=status.overall,
            as_of=status.as_of,
            source=status.source,
            open_incidents=status.open_incidents,
            targets=[TargetStatus.model_validate(target) for target in status.targets],
        )


class ProbeResult(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    target: str
    at: datetime
    ok: bool
    latency_seconds: float
    error: str | None
