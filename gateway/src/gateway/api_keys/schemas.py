"""Bodies of the API keys routes."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.api_keys.domain import ApiKey

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class CreateApiKeyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    roles: frozenset[str] | None = Field(None, description="A part of your own roles; all of them when left out.")
    expires_at: AwareDatetime | None = Field(None, description="The key stops working then; never when left out.")


class ApiKeyBody(BaseModel):
    id: UUID
    user_id: UUID
    name: str
    prefix: str = Field(description="The first characters of the key, to tell keys apart.")
    roles: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            id=key.id,
            user_id=key.user_id,
            name=key.name,
            prefix=key.prefix,
            roles=sorted(key.roles),
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class CreatedApiKeyBody(BaseModel):
    api_key: ApiKeyBody
    key: str = Field(description="The key itself. It is shown now and never again; send it as `X-API-Key`.")
