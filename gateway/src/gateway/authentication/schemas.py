"""Bodies of the authentication routes."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gateway.authentication.service.sessions import TokenPair
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


class AccessTokenBody(BaseModel):
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Life of the access token in seconds.")


class CallerBody(BaseModel):
    subject: str
    kind: Literal["user", "service", "api_key"]
    name: str
    roles: list[str]

    @classmethod
    def of(cls, caller: Identity) -> Self:
        return cls(subject=caller.subject, kind=caller.kind, name=caller.name, roles=sorted(caller.roles))


class JwksBody(BaseModel):
    keys: list[dict[str, str]]
