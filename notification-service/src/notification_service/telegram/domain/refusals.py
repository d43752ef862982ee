"""What Telegram's refusals mean, told by their description: the error codes alone do not say it."""

from dataclasses import dataclass

_BLOCKED = "unblock the bot or add it to the chat again, then activate the subscription"


@dataclass(frozen=True)
class Meaning:
    """`advice` says what a person can do; `address_is_dead` when no message reaches the chat any more."""

    code: str
    advice: str
    address_is_dead: bool


_FORBIDDEN = (
    ("blocked by the user", Meaning("bot_blocked", _BLOCKED, address_is_dead=True)),
    ("kicked", Meaning("bot_removed", _BLOCKED, address_is_dead=True)),
    ("not a member", Meaning("bot_removed", _BLOCKED, address_is_dead=True)),
    ("deactivated", Meaning("user_deactivated", "subscribe another address", address_is_dead=True)),
    ("can't initiate", Meaning("bot_not_started", "open the bot and press Start, then activate", address_is_dead=True)),
)
_OTHER_FORBIDDEN = Meaning("forbidden", _BLOCKED, address_is_dead=True)

_BAD_REQUEST = (
    ("chat not found", Meaning("chat_not_found", "check the chat id, and write to the bot first", address_is_dead=True)),
    ("peer_id_invalid", Meaning("chat_not_found", "check the chat id, and write to the bot first", address_is_dead=True)),
    ("group chat was deactivated", Meaning("chat_deactivated", "subscribe another address", address_is_dead=True)),
    ("not enough rights", Meaning("no_right_to_write", "let the bot write in the chat, then activate", address_is_dead=True)),
    ("need administrator rights", Meaning("no_right_to_write", "make the bot an administrator", address_is_dead=True)),
    ("have no rights to send", Meaning("no_right_to_write", "let the bot write in the chat", address_is_dead=True)),
    ("chat_write_forbidden", Meaning("no_right_to_write", "let the bot write in the chat", address_is_dead=True)),
)
_OTHER_BAD_REQUEST = Meaning("message_refused", "report it; the message itself was not accepted", address_is_dead=False)


def meaning_of_forbidden(description: str) -> Meaning:
    return _lookup(_FORBIDDEN, description, _OTHER_FORBIDDEN)


def meaning_of_bad_request(description: str) -> Meaning:
    return _lookup(_BAD_REQUEST, description, _OTHER_BAD_REQUEST)


def is_markup_refusal(description: str) -> bool:
    return "can't parse entities" in description.lower()


def _lookup(table: tuple[tuple[str, Meaning], ...], description: str, otherwise: Meaning) -> Meaning:
    text = description.lower()
    return next((meaning for part, meaning in table if part in text), otherwise)
