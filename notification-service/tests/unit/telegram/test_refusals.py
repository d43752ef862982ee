"""Telegram's words become a stable code and advice for people."""

import pytest

from notification_service.telegram.domain.refusals import (
    is_markup_refusal,
    meaning_of_bad_request,
    meaning_of_forbidden,
)


@pytest.mark.parametrize(
    ("description", "code"),
    [
        ("bot was blocked by the user", "bot_blocked"),
        ("bot was kicked from the supergroup chat", "bot_removed"),
        ("bot is not a member of the channel chat", "bot_removed"),
        ("user is deactivated", "user_deactivated"),
        ("bot can't initiate conversation with a user", "bot_not_started"),
        ("something new", "forbidden"),
    ],
)
def test_what_is_forbidden_ends_the_address(description: str, code: str) -> None:
    meaning = meaning_of_forbidden(description)
    assert (meaning.code, meaning.address_is_dead) == (code, True)
    assert meaning.advice


@pytest.mark.parametrize(
    ("description", "code", "dead"),
    [
        ("Chat not found", "chat_not_found", True),
        ("not enough rights to send text messages to the chat", "no_right_to_write", True),
        ("CHAT_WRITE_FORBIDDEN", "no_right_to_write", True),
        ("message is too long", "message_refused", False),
    ],
)
def test_a_bad_request_ends_the_address_only_when_it_is_about_the_chat(description: str, code: str, dead: bool) -> None:
    meaning = meaning_of_bad_request(description)
    assert (meaning.code, meaning.address_is_dead) == (code, dead)


def test_refused_markup_is_recognised_in_any_case() -> None:
    assert is_markup_refusal('Can\'t parse entities: unsupported start tag "x" at byte offset 0')
    assert not is_markup_refusal("Chat not found")
