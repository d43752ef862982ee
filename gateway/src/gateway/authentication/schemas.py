"""Bodies of the authentication routes."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gateway.access.domain import AccessScope
from gateway.api_keys.domain import ApiKey
from gateway.authentication.domain import Session
from gateway.authentication.service.sessions import TokenPair
from gateway.dependencies import ShownScope
from gateway.users.domain import MAX_PASSWORD_CHARACTERS, checked_text
from shared.web.identity import Identity


def _check_secret(value: SecretStr) -> SecretStr:
    checked_text(value.get_secret_value())
    return value


_Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096), AfterValidator(_check_secret)]
_Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD_CHARACTERS), AfterValidator(_check_secret)]
_NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]*$"


class LoginBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254, pattern=_NO_CONTROL_CHARACTERS)
    password: _Password


class RefreshBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: _Secret


class LogoutBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    everywhere: bool = Field(False, description="End all of your sessions, not only this one.")


class PasswordBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current_password: _Password
    new_password: _Password


class InvitationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: _Secret = Field(description="From the invitation.")
    password: _Password


class PasswordResetBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254, pattern=_NO_CONTROL_CHARACTERS)


class PasswordResetConfirmationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: _Secret = Field(description="From the mail, or from an administrator.")
    new_password: _Password


class SessionBody(BaseModel):
    id: UUID
    user_agent: str | None = Field(description="What the program that logged in calls itself.")
    address: str = Field(description="Where it logged in from.")
    created_at: datetime
    last_used_at: datetime = Field(description="To the minute.")
    expires_at: datetime
    current: bool = Field(description="The session of this very request.")

    @classmethod
    def of(cls, session: Session, current: UUID) -> Self:
        return cls(
            id=session.id,
            user_agent=session.user_agent,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            current=session.id == current,
        )


class ServiceTokenBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(max_length=64, pattern=_NO_CONTROL_CHARACTERS)
    client_secret: _Secret


class TokensBody(BaseModel):
    access_token: str
    refresh_token: str = Field(description="Works once; the answer holds the next one.")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Life of the access token in seconds.")

    @classmethod
    def of(cls, pair: TokenPair) -> Self:
        return cls(
            access_token=pair.access,
            refresh_token=pair.refresh,
            token_type="Bearer",  # noqa: S106 -- the scheme, not a secret
            expires_in=pair.expires_in,
        )


class ExternalTokensBody(TokensBody):
    binding: str | None = Field(description="What was given when the login began; compare it with what you kept.")

    @classmethod
    def bound(cls, pair: TokenPair, binding: str | None) -> Self:
        return cls(**TokensBody.of(pair).model_dump(), binding=binding)


class AccessTokenBody(BaseModel):
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Life of the access token in seconds.")


class CallerBody(BaseModel):
    subject: str
    kind: Literal["user", "service", "api_key"]
    name: str
    roles: list[str]
    scope: ShownScope | None = Field(description="The part of the company you see and change; null: all of it.")
    scopes: list[str] | None = Field(description="What your API key is limited to; null: all that your roles allow.")
    requests_per_day: int | None = Field(description="Of your API key; null: no such limit.")

    @classmethod
    def of(cls, caller: Identity, key: ApiKey | None) -> Self:
        scope = AccessScope(caller.scope.categories, caller.scope.suppliers, caller.scope.warehouses)
        permits = key.terms.permits if key is not None else None
        return cls(
            subject=caller.subject,
            kind=caller.kind,
            name=caller.name,
            roles=sorted(caller.roles),
            scope=ShownScope.of(scope if scope != AccessScope() else None),
            scopes=sorted(permits) if permits is not None else None,
            requests_per_day=key.terms.requests_per_day if key is not None else None,
        )


class JwksBody(BaseModel):
    keys: list[dict[str, str]]
