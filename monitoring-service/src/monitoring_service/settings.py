"""Settings of monitoring-service, prefix MONITORING_."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from shared.settings import ServiceSettings, settings_config


def _probe_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        complete = bool(parts.hostname) and (parts.scheme != "tcp" or parts.port is not None)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a URL: {error}") from error
    if parts.scheme not in {"http", "https", "tcp"} or not complete:
        raise ValueError(f"{value!r} cannot be probed: give http://…, https://… or tcp://host:port")
    return value


TargetName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
ProbeUrl = Annotated[str, AfterValidator(_probe_url)]


class Settings(ServiceSettings):
    model_config = settings_config("MONITORING_")

    targets: dict[TargetName, ProbeUrl] = Field(
        default_factory=dict,
        description='What is probed, as JSON: {"data-service": "http://data-service:8000/health/ready", '
        '"gateway-worker": "tcp://gateway-worker:9100"}. PostgreSQL, Redis and RabbitMQ are added from their URLs.',
    )
    probe_interval_seconds: float = Field(15, gt=0, description="Time between two rounds of probes.")
    probe_timeout_seconds: float = Field(5, gt=0, description="A target that has not answered by then has failed.")
    probe_failure_threshold: int = Field(3, ge=1, description="Failures in a row before a target counts as down.")
    probe_success_threshold: int = Field(2, ge=1, description="Successes in a row before it counts as up again.")
    probe_concurrency: int = Field(50, ge=1, description="Probes under way at once.")
    probe_retention_days: int = Field(30, ge=1, description="How long single probe results are kept.")
    recovery_grace_seconds: float = Field(
        60, ge=0, description="Time dependants get to come back after the dependency that took them down is back."
    )
    alert_webhook_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token Alertmanager sends to POST /v1/alerts; empty: gateway only.",
    )
