"""An API key: how it looks, what it may, when it ends."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.access.domain import AccessScope, narrowed, scope_problem

MAX_GRACE = timedelta(days=7)
MAX_REQUESTS_PER_DAY = 100_000_000
_OWN_WRITE = "gateway:write"
_PREFIX_CHARACTERS = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class KeyTerms:
    """What a key is for. None: `permits` all that the roles allow, `scope` the owner's, `requests_per_day` and
    `expires_at` no limit.
    """

    name: str
    roles: frozenset[str]
    permits: frozenset[str] | None = None
    scope: AccessScope | None = None
    requests_per_day: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class ApiKey:
    """`previous_valid_until`: the secret before the last rotation works until then."""

    id: UUID
    user_id: UUID
    prefix: str
    terms: KeyTerms
    created_at: datetime
    last_used_at: datetime | None
    previous_valid_until: datetime | None


@dataclass(frozen=True)
class KeyOwner:
    """A usable key with what its owner may at this moment."""

    key: ApiKey
    owner_email: str
    owner_roles: frozenset[str]
    owner_scope: AccessScope | None

    @property
    def roles(self) -> frozenset[str]:
        return self.key.terms.roles & self.owner_roles

    @property
    def scope(self) -> AccessScope | None:
        return narrowed(self.key.terms.scope, self.owner_scope)


class BadTermsError(ValueError):
    """Terms no key can have; `field` names the one, the text says what to do."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


def check_terms(terms: KeyTerms, services: Collection[str], now: datetime) -> None:
    """`services` are those of the route table. Raises: BadTermsError."""
    known = {f"{service}:{action}" for service in services for action in ("read", "write")}
    if terms.permits is not None and (not terms.permits or terms.permits - known):
        unknown = ", ".join(sorted(terms.permits - known)) or "none at all"
        raise BadTermsError("scopes", f"{unknown}: choose from {', '.join(sorted(known))}; or leave it out for all")
    if terms.requests_per_day is not None and not 1 <= terms.requests_per_day <= MAX_REQUESTS_PER_DAY:
        raise BadTermsError("requests_per_day", f"give 1 to {MAX_REQUESTS_PER_DAY}, or leave it out for no limit")
    if terms.expires_at is not None and terms.expires_at <= now:
        raise BadTermsError("expires_at", "lies in the past; give a later moment or leave it out")
    if terms.scope is not None and (problem := scope_problem(terms.scope)):
        raise BadTermsError("scope", problem)
    administers = "admin" in terms.roles and (terms.permits is None or _OWN_WRITE in terms.permits)
    if terms.scope is not None and administers:
        raise BadTermsError(
            "scope", f"a key that may administer could lift any limit; take the role admin or {_OWN_WRITE} away first"
        )


def new_key(prefix: str | None = None) -> tuple[str, str]:
    """The key, shown once, and its prefix. 256 random bits: a plain hash is enough to store."""
    prefix = prefix or "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_CHARACTERS))
    return f"pk_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}", prefix


def looks_like_key(text: str) -> bool:
    return _FORM.fullmatch(text) is not None


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
