"""Everything the environment decides about the gateway."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.settings import ServiceSettings, settings_config

_MIB = 1024 * 1024


class Settings(ServiceSettings):
    model_config = settings_config("GATEWAY_")

    port: int = Field(8080, ge=0, le=65535, description="Port the HTTP server listens on.")
    upstreams: dict[str, HttpUrl] = Field(
        default_factory=dict,
        description="Base URL of each service, without a path: GATEWAY_UPSTREAMS__DATA=http://data-service:8000.",
    )
    routes_file: Path | None = Field(None, description="Table of routes and roles; the one in the package by default.")
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

    max_body_bytes: int = Field(_MIB, ge=1024, description="Largest request body of an ordinary route.")
    max_upload_bytes: int = Field(600 * _MIB, ge=1024, description="Largest request body of an upload route.")
    connect_seconds: float = Field(2.0, gt=0, description="Time to connect to a service.")
    first_byte_seconds: float = Field(30.0, gt=0, description="Time until a service begins its answer.")
    idle_seconds: float = Field(60.0, gt=0, description="Longest pause inside a request or an answer.")
    total_seconds: float = Field(120.0, gt=0, description="Longest exchange on an ordinary route.")
    long_total_seconds: float = Field(3600.0, gt=0, description="Longest exchange on a route marked `long`.")
    upstream_connections: int = Field(256, ge=1, description="Connections to one service, at most.")
    limiter_timeout_seconds: float = Field(
        0.02, gt=0, description="Wait for the shared counters; after it each process counts alone for a second."
    )
    cache_max_body_bytes: int = Field(256 * 1024, ge=0, description="Larger answers are not cached.")

    @field_validator("service_clients", mode="before")
    @classmethod
    def _parse_clients(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value or "{}")
        except ValueError as error:
            raise ValueError('must be a JSON object such as {"data": "secret"}') from error
