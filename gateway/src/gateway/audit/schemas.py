"""Bodies of the audit routes."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from gateway.audit.domain import RecordedEntry


class AuditEntryBody(BaseModel):
    id: UUID
    occurred_at: datetime
    action: str = Field(description="What happened, for example `user.created`.")
    succeeded: bool
    actor_kind: str | None = Field(description="user, service or api_key; null when nobody was recognised.")
    actor_id: str | None
    actor_name: str | None
    acting_service: str | None = Field(description="The service that acted on the actor's behalf.")
    target: str | None = Field(description="What it happened to.")
    address: str = Field(description="Client address.")
    request_id: str | None
    details: dict[str, Any]

    @classmethod
    def of(cls, recorded: RecordedEntry) -> Self:
        entry, actor = recorded.entry, recorded.entry.actor
        return cls(
            id=recorded.id,
            occurred_at=recorded.occurred_at,
            action=entry.action,
            succeeded=entry.succeeded,
            actor_kind=actor.kind if actor else None,
            actor_id=actor.id if actor else None,
            actor_name=actor.name if actor else None,
            acting_service=actor.acting_service if actor else None,
            target=entry.target,
            address=entry.origin.address,
            request_id=entry.origin.request_id,
            details=dict(entry.details),
        )
