"""Settings of notification-service; environment variables with the prefix NOTIFICATION_."""

from datetime import UTC, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr

from shared.settings import ServiceSettings, settings_config


def _zone(name: str) -> tzinfo:
    """UTC works without a time zone database too."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _time_zone(value: str) -> str:
    try:
        _zone(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin") from error
    return value


def _web_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"{value!r} is not an address; give https://host or http://host:port")
    return value.rstrip("/")


def _bot_api_address(value: str) -> str:
    return _web_address(value).removesuffix("/bot")


class Settings(ServiceSettings):
    model_config = settings_config("NOTIFICATION_")

    public_url: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None,
        description="Where people reach the platform, `https://buy.example.com`; without it messages have no links.",
    )
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", description="IANA time zone in which messages show moments."
    )
    telegram_token: SecretStr | None = Field(
        None, description="Token of the bot; without one messages go to the console channel, which says so."
    )
    telegram_api_base_url: Annotated[str, AfterValidator(_bot_api_address)] = Field(
        "https://api.telegram.org", description="Bot API server, for a local one or for tests."
    )
    telegram_connect_timeout_seconds: float = Field(5, gt=0, description="Not connected by then: tried again later.")
    telegram_read_timeout_seconds: float = Field(
        15, gt=0, description="Not answered by then: nobody knows whether the message was sent; it is `uncertain`."
    )
    delivery_poll_seconds: float = Field(0.5, gt=0, description="How often the sender looks for due messages.")
    delivery_concurrency: int = Field(20, ge=1, le=30, description="Messages to different chats under way at once.")
    delivery_failures_limit: int = Field(
        12, ge=1, description="Refusals with a server error (5xx) before a message counts as failed."
    )
    delivery_give_up_hours: float = Field(
        24, gt=0, description="A message that could not be handed over by then counts as failed."
    )
    delivery_pause_seconds: float = Field(
        30, gt=0, description="Rest of a channel whose credentials were refused, before it is tried again."
    )

    @property
    def zone(self) -> tzinfo:
        return _zone(self.time_zone)

    @property
    def has_telegram(self) -> bool:
        return self.telegram_token is not None and bool(self.telegram_token.get_secret_value())
