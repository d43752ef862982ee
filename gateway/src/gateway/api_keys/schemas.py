"""Bodies of the API keys routes."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from gateway.access.domain import AccessScope
from gateway.api_keys.domain import MAX_GRACE, ApiKey, KeyTerms
from gateway.dependencies import ScopeBody, ShownScope


def _check_text(text: str) -> str:
    """JSON can hold halves of characters, which are no text."""
    text.encode("utf-8")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_check_text)]
_Scopes = Annotated[
    frozenset[Annotated[str, AfterValidator(_check_text)]] | None,
    Field(
        max_length=100,
        description='What the key may do: "data:read", "forecast:write", … (a service and read or write). '
        "null: all that its roles allow.",
    ),
]
_Quota = Annotated[int | None, Field(description="Requests in one UTC day; null: no such limit.")]
_Day = 86_400


class CreateApiKeyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    roles: frozenset[str] | None = Field(None, description="A part of your own roles; all of them when left out.")
    scopes: _Scopes = None
    scope: ScopeBody | None = Field(None, description="A part of the company, within your own scope.")
    requests_per_day: _Quota = None
    expires_at: AwareDatetime | None = Field(None, description="The key stops working then; never when left out.")

    def terms(self, own_roles: frozenset[str]) -> KeyTerms:
        roles = own_roles if self.roles is None else self.roles
        return KeyTerms(self.name, roles, self.scopes, _scope(self.scope), self.requests_per_day, self.expires_at)


class ChangeApiKeyBody(BaseModel):
    """What is left out stays as it is; null lifts a limit."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    roles: frozenset[str] = Field(frozenset(), description="A part of your own roles.")
    scopes: _Scopes = None
    scope: ScopeBody | None = None
    requests_per_day: _Quota = None
    expires_at: AwareDatetime | None = None

    def changes(self) -> dict[str, Any]:
        """What was given, by the names of `KeyTerms`."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "scopes" in given:
            given["permits"] = given.pop("scopes")
        if "scope" in given:
            given["scope"] = _scope(self.scope)
        return given


class RotationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    grace_seconds: int = Field(
        _Day,
        ge=0,
        le=int(MAX_GRACE.total_seconds()),
        description="How much longer the old secret works: a day unless told otherwise, a week at most.",
    )


class ApiKeyBody(BaseModel):
    id: UUID
    user_id: UUID
    name: str
    prefix: str = Field(description="The first characters of the key, to tell keys apart.")
    roles: list[str]
    scopes: list[str] | None = Field(description="null: all that the roles allow.")
    scope: ShownScope | None = Field(description="null: the same part of the company as its owner.")
    requests_per_day: int | None = Field(description="null: no such limit.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    previous_valid_until: datetime | None = Field(description="Until when the secret before the rotation works.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        terms = key.terms
        return cls(
            id=key.id,
            user_id=key.user_id,
            name=terms.name,
            prefix=key.prefix,
            roles=sorted(terms.roles),
            scopes=sorted(terms.permits) if terms.permits is not None else None,
            scope=ShownScope.of(terms.scope),
            requests_per_day=terms.requests_per_day,
            created_at=key.created_at,
            expires_at=terms.expires_at,
            last_used_at=key.last_used_at,
            previous_valid_until=key.previous_valid_until,
        )


class CreatedApiKeyBody(BaseModel):
    api_key: ApiKeyBody
    key: str = Field(description="The key itself. It is shown now and never again; send it as `X-API-Key`.")


def _scope(body: ScopeBody | None) -> AccessScope | None:
    """None when it limits nothing."""
    return None if body is None or body.scope == AccessScope() else body.scope
