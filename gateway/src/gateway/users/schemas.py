"""Bodies of the users routes."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gateway.users.domain import MAX_PASSWORD_CHARACTERS, User, checked_text

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
    password: Password
    roles: frozenset[str] = Field(description="Any of admin, manager, buyer, ops.")


class ChangeUserBody(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    roles: frozenset[str] | None = None
    active: bool | None = None
    password: Password | None = None


class UserBody(BaseModel):
    id: UUID
    email: str
    name: str
    roles: list[str]
    active: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            roles=sorted(user.roles),
            active=user.active,
            created_at=user.created_at,
        )
