"""Bodies of the users routes."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gateway.dependencies import ScopeBody, ShownScope
from gateway.users.domain import MAX_PASSWORD_CHARACTERS, OneTimeToken, User, checked_text

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Email = Annotated[str, Field(min_length=3, max_length=254)]


def _check_secret(value: SecretStr) -> SecretStr:
    checked_text(value.get_secret_value())
    return value


Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD_CHARACTERS), AfterValidator(_check_secret)]


class CreateUserBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name
    password: Password | None = Field(None, description="Left out, the user is invited to choose one.")
    roles: frozenset[str] = Field(description="Any of admin, manager, buyer, ops.")
    scope: ScopeBody | None = Field(None, description="The whole company when left out. Not for administrators.")


class ChangeUserBody(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    roles: frozenset[str] | None = None
    scope: ScopeBody | None = Field(None, description="Takes the place of the whole scope; `{}` lifts every limit.")
    active: bool | None = None
    password: Password | None = None


class UserBody(BaseModel):
    id: UUID
    email: str
    name: str
    roles: list[str]
    scope: ShownScope | None = Field(description="null: the whole company.")
    active: bool
    has_password: bool = Field(description="false: invited and not yet come, or known to the identity provider only.")
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            roles=sorted(user.roles),
            scope=ShownScope.of(user.scope),
            active=user.active,
            has_password=user.has_password,
            created_at=user.created_at,
        )


class OneTimeLinkBody(BaseModel):
    """Shown now and never again; hand it to the person over a way you trust."""

    token: str = Field(description="Works once.")
    link: str | None = Field(description="With the token, when GATEWAY_ACCOUNT_URL names the page that takes it.")
    expires_at: datetime

    @classmethod
    def of(cls, token: OneTimeToken, account_url: str | None) -> Self:
        return cls(token=token.token, link=token.link(account_url), expires_at=token.expires_at)


class CreatedUserBody(UserBody):
    invitation: OneTimeLinkBody | None = Field(description="null when the user was given a password.")

    @classmethod
    def created(cls, user: User, invitation: OneTimeToken | None, account_url: str | None) -> Self:
        link = None if invitation is None else OneTimeLinkBody.of(invitation, account_url)
        return cls(**UserBody.of(user).model_dump(), invitation=link)
