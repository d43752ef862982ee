"""Settings every service has; each service subclasses with its own prefix and its own additions."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS_DIRECTORY = Path("/run/secrets")


def settings_config(prefix: str) -> SettingsConfigDict:
    """Values come from the environment first, then from files in /run/secrets named like the variable in lower case.

    An empty variable is one that is not set: compose files cannot leave one out.
    """
    return SettingsConfigDict(
        env_prefix=prefix,
        env_ignore_empty=True,
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        secrets_dir=SECRETS_DIRECTORY if SECRETS_DIRECTORY.is_dir() else None,
    )


class ServiceSettings(BaseSettings):
    environment: Literal["local", "test", "production"] = Field("local", description="Where this process runs.")
    host: str = Field("127.0.0.1", description="Address the HTTP server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the HTTP server listens on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or text for people.")
    database_url: str = Field(description="PostgreSQL URL of this service's own role, `postgresql://…/procurement`.")
    database_pool_size: int = Field(5, ge=1, le=100, description="Connections kept open by one process.")
    database_statement_timeout_seconds: float = Field(
        60, gt=0, description="A statement running longer is cancelled by the server."
    )
    redis_url: str | None = Field(None, description="Redis or Valkey URL; without it nothing is cached or limited.")
    broker_url: str | None = Field(
        None, description="`amqp://…` for RabbitMQ, `postgresql://…` for the embedded transport. Default: database_url."
    )
    gateway_url: str = Field("http://127.0.0.1:8080", description="Base URL of the gateway, without a path.")
    client_id: str = Field("", description="This service's own identifier at the gateway.")
    client_secret: SecretStr = Field(SecretStr(""), description="This service's own secret at the gateway.")
    worker_in_process: bool = Field(
        False, description="Run consumers, relay and jobs inside the HTTP process (one machine)."
    )
    worker_metrics_port: int = Field(9100, ge=0, le=65535, description="Metrics port of a stand-alone worker; 0 = off.")
    otlp_endpoint: str | None = Field(
        None, description="OpenTelemetry collector (OTLP over HTTP); tracing is off without."
    )

    @property
    def effective_broker_url(self) -> str:
        return self.broker_url or self.database_url
