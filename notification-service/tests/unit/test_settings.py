"""Settings refuse what could not work, and hide the token."""

import pytest
from pydantic import ValidationError

from notification_service.settings import Settings

URL = "postgresql://u:p@127.0.0.1:1/x"


def test_the_bot_api_address_is_taken_with_or_without_its_path() -> None:
    for given in ("http://127.0.0.1:9", "http://127.0.0.1:9/", "http://127.0.0.1:9/bot"):
        assert Settings(database_url=URL, telegram_api_base_url=given).telegram_api_base_url == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../etc"},
        {"public_url": "buy.example.com"},
        {"telegram_api_base_url": "api.telegram.org"},
        {"delivery_concurrency": 31},
    ],
)
def test_what_could_not_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Settings(database_url=URL, **wrong)


def test_the_token_is_never_shown_and_an_empty_one_is_none() -> None:
    settings = Settings(database_url=URL, telegram_token="123:hush-hush")
    assert "hush" not in f"{settings!r} {settings}"
    assert settings.has_telegram
    assert not Settings(database_url=URL, telegram_token="").has_telegram
