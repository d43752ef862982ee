"""A user, what their e-mail address, roles, scope and password must look like, and one-time tokens."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.access.domain import ROLES, AccessScope, scope_problem

PEOPLE_ROLES = ROLES - {"service"}
MIN_PASSWORD_CHARACTERS = 10
MAX_PASSWORD_CHARACTERS = 256
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*")
# What the list of common passwords lacks: our own name, and other keyboards.
_COMMON_STEMS = frozenset(
    {"procurement", "administrator", "abcdefghij", "йцукенгшщз", "йцукенгшщзхъ", "пароль", "парольпароль"}
)
_DECORATION = "0123456789!?.,*#@$_- "


@dataclass(frozen=True)
class User:
    """Sessions begun before `sessions_valid_from` count no longer. `scope` None is the whole company."""

    id: UUID
    email: str
    name: str
    roles: frozenset[str]
    scope: AccessScope | None
    active: bool
    has_password: bool
    created_at: datetime
    sessions_valid_from: datetime


class Purpose(StrEnum):
    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"  # noqa: S105 -- a purpose, not a password


TOKEN_LIVES = {Purpose.INVITATION: timedelta(hours=72), Purpose.PASSWORD_RESET: timedelta(hours=1)}


@dataclass(frozen=True)
class OneTimeToken:
    """`token` is known to its receiver only; the store keeps its hash."""

    purpose: Purpose
    token: str
    expires_at: datetime

    def link(self, account_url: str | None) -> str | None:
        """The token is in the fragment, which browsers send to nobody and nobody logs."""
        return f"{account_url}#{self.purpose.replace('_', '-')}={self.token}" if account_url else None


class BadValueError(ValueError):
    """A value that breaks a rule; `field` names it, the text says what to do."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


def new_token() -> str:
    """256 random bits: a plain hash is enough to store."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


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


def checked_scope(scope: AccessScope | None, roles: frozenset[str]) -> AccessScope | None:
    """None when nothing is limited. Raises: BadValueError also for an administrator, who could lift any limit."""
    if scope is None or scope == AccessScope():
        return None
    if problem := scope_problem(scope):
        raise BadValueError("scope", problem)
    if "admin" in roles:
        raise BadValueError("scope", "an administrator cannot be limited; take the role admin or the scope away")
    return scope


def checked_password(password: str, email: str, name: str, common: Collection[str]) -> str:
    """Length and guessability only; no composition rules. `common` in lower case. Raises: BadValueError."""
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise BadValueError(
            "password",
            f"must have {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters; a sentence is fine",
        )
    plain = password.casefold()
    stem = plain.strip(_DECORATION)
    if len(set(plain)) < 4 or any(form in common or form in _COMMON_STEMS for form in (plain, plain.strip(), stem)):
        raise BadValueError("password", "is among the first ones anybody would guess; take another")
    if _letters(stem) in _own_words(email, name):
        raise BadValueError("password", "must not be made of your name or e-mail address; take another")
    return password


def _own_words(email: str, name: str) -> set[str]:
    """What a stranger who knows the person tries first, in letters and digits only."""
    local, _, domain = email.partition("@")
    host = domain.partition(".")[0]
    parts = [email, local, domain, host, local + host, *re.split(r"[._+-]", local)]
    words = name.split()
    parts += [name, *words, "".join(reversed(words))]
    return {_letters(part.casefold()) for part in parts} - {""}


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum()).strip("0123456789")
