"""Bodies of the audit routes."""

import json
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from gateway.audit.domain.chain import Link
from gateway.audit.domain.verification import Verification


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
    day: date = Field(description="UTC day whose chain the entry is part of.")
    sequence: int = Field(description="Place in the day, from 1, without gaps.")
    previous_hash: str = Field(description="SHA-256 of the entry before, hexadecimal.")
    hash: str = Field(description="SHA-256 over all columns and the hash of the entry before, hexadecimal.")

    @classmethod
    def of(cls, link: Link) -> Self:
        return cls(
            id=link.id,
            occurred_at=link.occurred_at,
            action=link.action,
            succeeded=link.succeeded,
            actor_kind=link.actor_kind,
            actor_id=link.actor_id,
            actor_name=link.actor_name,
            acting_service=link.acting_service,
            target=link.target,
            address=link.address,
            request_id=link.request_id,
            details=json.loads(link.details),
            day=link.day,
            sequence=link.sequence,
            previous_hash=link.previous_hash.hex(),
            hash=link.hash.hex(),
        )


class BreakBody(BaseModel):
    id: UUID | None = Field(description="The entry; null when the entry that should be there is missing.")
    day: date
    sequence: int
    reason: str = Field(
        description=(
            "entry_changed, entry_replaced, entry_missing, entry_added, sequence_repeated, head_changed, day_unknown, "
            "days_before_changed, seal_differs or seal_forged."
        )
    )


class VerificationBody(BaseModel):
    days: int
    entries: int
    seals: int = Field(description="Signatures that were checked.")
    intact: bool
    first_broken: BreakBody | None

    @classmethod
    def of(cls, result: Verification) -> Self:
        found = result.first_broken
        return cls(
            days=result.days,
            entries=result.entries,
            seals=result.seals,
            intact=result.intact,
            first_broken=None
            if found is None
            else BreakBody(id=found.id, day=found.day, sequence=found.sequence, reason=found.reason),
        )
