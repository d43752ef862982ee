"""A user, and what their e-mail address, roles and password must look like."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.access.domain import ROLES

PEOPLE_ROLES = ROLES - {"service"}
MIN_PASSWORD_CHARACTERS = 10
MAX_PASSWORD_CHARACTERS = 256
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*")
# What guessing starts with, of those long enough to pass the length rule.
_COMMON_STEMS = (
    "password",
    "passw0rd",
    "qwertyuiop",
    "qwerty12345",
    "1234567890",
    "0123456789",
    "iloveyou",
    "administrator",
    "letmein",
    "welcome",
    "changeme",
    "procurement",
    "1q2w3e4r5t",
    "abcdefghij",
    "qazwsxedc",
    "zaq12wsx",
    "йцукенгшщз",
    "пароль",
)


@dataclass(frozen=True)
class User:
    """Sessions begun before `sessions_valid_from` count no longer."""

    id: UUID
    email: str
    name: str
    roles: frozenset[str]
    active: bool
    created_at: datetime
    sessions_valid_from: datetime


class BadValueError(ValueError):
    """A value that breaks a rule; `field` names it, the text says what to do."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


def checked_text(text: str) -> str:
    """JSON can hold halves of characters, which are no text. Raises: ValueError."""
    text.encode("utf-8")
    return text


def checked_email(text: str) -> str:
    """The address in the one form it is stored and looked up in. Raises: BadValueError."""
    email = text.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise BadValueError("email", "not an e-mail address; write it like name@example.com")
    return email


def checked_roles(roles: frozenset[str]) -> frozenset[str]:
    """Raises: BadValueError when a role is unknown, reserved for services, or none is given."""
    if not roles:
        raise BadValueError("roles", f"give at least one of: {', '.join(sorted(PEOPLE_ROLES))}")
    if unknown := roles - PEOPLE_ROLES:
        raise BadValueError(
            "roles", f"{', '.join(sorted(unknown))}: a person can have: {', '.join(sorted(PEOPLE_ROLES))}"
        )
    return roles


def checked_password(password: str, email: str) -> str:
    """Length and guessability only; no composition rules. Raises: BadValueError."""
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise BadValueError(
            "password",
            f"must have {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters; a sentence is fine",
        )
    plain = password.casefold()
    stem = plain.strip("0123456789!?.,*#@$_- ")
    if len(set(plain)) < 4 or plain in _COMMON_STEMS or stem in _COMMON_STEMS:
        raise BadValueError("password", "is among the first ones anybody would guess; take another")
    if stem in {email, email.partition("@")[0]}:
        raise BadValueError("password", "must not be your e-mail address")
    return password
