"""What Telegram's refusals mean, told by their description: the error codes alone do not say it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """`advice` says what a person can do; `address_is_dead` when no message reaches the chat any more."""

    code: str
    advice: str
    address_is_dead: bool = True


_UNBLOCK = "unblock the bot or add it to the chat again, then activate the subscription"
_CHECK_ID = "check the chat id, and write to the bot first"
_ALLOW = "let the bot write in the chat, then activate the subscription"
_OTHER_ADDRESS = "subscribe another address"

_FORBIDDEN = (
    ("blocked by the user", Meaning("bot_blocked", _UNBLOCK)),
    ("kicked", Meaning("bot_removed", _UNBLOCK)),
    ("not a member", Meaning("bot_removed", _UNBLOCK)),
    ("deactivated", Meaning("user_deactivated", _OTHER_ADDRESS)),
    ("can't initiate", Meaning("bot_not_started", "open the bot, press Start, then activate the subscription")),
)
_OTHER_FORBIDDEN = Meaning("forbidden", _UNBLOCK)

_BAD_REQUEST = (
    ("chat not found", Meaning("chat_not_found", _CHECK_ID)),
    ("peer_id_invalid", Meaning("chat_not_found", _CHECK_ID)),
    ("group chat was deactivated", Meaning("chat_deactivated", _OTHER_ADDRESS)),
    ("not enough rights", Meaning("no_right_to_write", _ALLOW)),
    ("need administrator rights", Meaning("no_right_to_write", _ALLOW)),
    ("have no rights to send", Meaning("no_right_to_write", _ALLOW)),
    ("chat_write_forbidden", Meaning("no_right_to_write", _ALLOW)),
)
_OTHER_BAD_REQUEST = Meaning("message_refused", "report it, the message itself was refused", address_is_dead=False)


def meaning_of_forbidden(description: str) -> Meaning:
    return _lookup(_FORBIDDEN, description, _OTHER_FORBIDDEN)


def meaning_of_bad_request(description: str) -> Meaning:
    return _lookup(_BAD_REQUEST, description, _OTHER_BAD_REQUEST)


def is_markup_refusal(description: str) -> bool:
    return "can't parse entities" in description.lower()


def _lookup(table: tuple[tuple[str, Meaning], ...], description: str, otherwise: Meaning) -> Meaning:
    text = description.lower()
    return next((meaning for part, meaning in table if part in text), otherwise)
