"""Everything the environment decides about the gateway."""

import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from shared.settings import ServiceSettings, settings_config

_MIB = 1024 * 1024


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


UpstreamUrls = Annotated[tuple[HttpUrl, ...], BeforeValidator(_split), Field(min_length=1)]


class Settings(ServiceSettings):
    model_config = settings_config("GATEWAY_")

    port: int = Field(8080, ge=0, le=65535, description="Port the HTTP server listens on.")
    upstreams: dict[str, UpstreamUrls] = Field(
        default_factory=dict,
        description="Base URL of each service, without a path, or several separated by commas, one for each instance: "
        "GATEWAY_UPSTREAMS__DATA=http://data-service:8000.",
    )
    routes_file: Path | None = Field(None, description="Table of routes and roles; the one in the package by default.")
    routes_check_seconds: float = Field(
        1.0, gt=0, description="How often the table of routes is looked at for changes."
    )
    trusted_proxy_count: int = Field(
        0, ge=0, le=5, description="Proxies in front whose X-Forwarded-For entry is believed: 1 behind nginx."
    )
    allowed_hosts: tuple[str, ...] = Field((), description="Host names served; any well-formed one when empty.")

    signing_key_file: Path | None = Field(
        None,
        description="PEM file with Ed25519 private keys: the first signs, all verify. Needed in production.",
    )
    admin_email: str | None = Field(None, description="First administrator, created when there is no user at all.")
    admin_password: SecretStr | None = Field(None, description="Password of the first administrator.")
    service_clients: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, description='Credentials of the services, JSON: {"data": "secret", …}.'
    )
    access_token_seconds: int = Field(900, ge=60, le=900, description="Life of an access token.")
    refresh_token_seconds: int = Field(14 * 86400, ge=3600, description="Life of an unused refresh token.")
    session_seconds: int = Field(30 * 86400, ge=3600, description="Life of a session, however often it is renewed.")
    password_hash_threads: int = Field(2, ge=1, le=16, description="Passwords hashed at once (19 MiB each).")
    password_hash_waiting: int = Field(64, ge=1, description="Logins that may wait for a hashing thread.")

    account_url: HttpUrl | None = Field(
        None, description="Page where people choose a password; links are it with #invitation=… or #password-reset=…."
    )
    smtp_url: SecretStr | None = Field(
        None, description="Mail server: smtp://user:password@host:587 (STARTTLS) or smtps://…:465. None: no mail."
    )
    mail_from: str = Field("procurement@localhost", description="Sender of mails.")
    mail_check_seconds: float = Field(2.0, gt=0, description="How often waiting mails are looked for.")
    signing_key_check_seconds: float = Field(
        5.0,
        gt=0,
        le=60,
        description="How often the key file is read again; a new first key signs after three times this, once known.",
    )

    oidc_issuer: str | None = Field(
        None, description="Identity provider for logins, exactly as it names itself: https://id.example.com."
    )
    oidc_client_id: str = Field("", description="Our name at the identity provider.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Our secret at the identity provider.")
    oidc_redirect_url: str = Field(
        "", description="Where it sends people back to: https://…/api/v1/auth/oidc/callback as seen from outside."
    )
    oidc_result_url: HttpUrl | None = Field(
        None, description="Page that gets the tokens in its fragment after such a login; JSON when not set."
    )
    oidc_roles_claim: str = Field("groups", description="Claim with the groups of a person.")
    oidc_roles: dict[str, frozenset[str]] = Field(
        default_factory=dict, description='Roles by group, JSON: {"purchasing": ["buyer"]}.'
    )

    max_body_bytes: int = Field(_MIB, ge=1024, description="Largest request body of an ordinary route.")
    max_upload_bytes: int = Field(600 * _MIB, ge=1024, description="Largest request body of an upload route.")
    connect_seconds: float = Field(2.0, gt=0, description="Time to connect to a service.")
    first_byte_seconds: float = Field(30.0, gt=0, description="Time until a service begins its answer.")
    idle_seconds: float = Field(60.0, gt=0, description="Longest pause inside a request or an answer.")
    total_seconds: float = Field(120.0, gt=0, description="Longest exchange on an ordinary route.")
    long_total_seconds: float = Field(3600.0, gt=0, description="Longest exchange on a route marked `long`.")
    upstream_connections: int = Field(256, ge=1, description="Connections to one service, at most.")
    drain_seconds: float = Field(
        6.0,
        ge=0,
        le=120,
        description="Told to stop, the gateway serves on for so long; more than the proxy in front keeps connections.",
    )
    limiter_timeout_seconds: float = Field(
        0.02, gt=0, description="Wait for the shared counters; after it each process counts alone for a second."
    )
    cache_max_body_bytes: int = Field(256 * 1024, ge=0, description="Larger answers are not cached.")
    cache_memory_bytes: int = Field(
        32 * _MIB, ge=0, description="Cached answers that one process keeps in its own memory, in front of Redis."
    )

    @model_validator(mode="after")
    def _check_oidc(self) -> Self:
        if self.oidc_issuer is None:
            return self
        missing = [
            f"GATEWAY_{name.upper()}"
            for name in ("oidc_client_id", "oidc_client_secret", "oidc_redirect_url")
            if not (value := getattr(self, name)) or (isinstance(value, SecretStr) and not value.get_secret_value())
        ]
        if missing:
            raise ValueError(f"GATEWAY_OIDC_ISSUER needs {', '.join(missing)} too")
        insecure = [url for url in (self.oidc_issuer, self.oidc_redirect_url) if not url.startswith("https://")]
        if insecure and self.environment == "production":
            raise ValueError(f"{insecure[0]}: the identity provider and the way back must use https in production")
        return self

    @field_validator("service_clients", mode="before")
    @classmethod
    def _parse_clients(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value or "{}")
        except ValueError as error:
            raise ValueError('must be a JSON object such as {"data": "secret"}') from error
