"""An API key: how it looks, what it may, when it ends."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

_PREFIX_CHARACTERS = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class ApiKey:
    id: UUID
    user_id: UUID
    name: str
    prefix: str
    roles: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class KeyOwner:
    """A usable key with what its owner may at this moment."""

    key: ApiKey
    owner_email: str
    owner_roles: frozenset[str]

    @property
    def roles(self) -> frozenset[str]:
        return self.key.roles & self.owner_roles


def new_key() -> tuple[str, str]:
    """The key, shown once, and its prefix. 256 random bits: a plain hash is enough to store."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_CHARACTERS))
    return f"pk_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}", prefix


def looks_like_key(text: str) -> bool:
    return _FORM.fullmatch(text) is not None


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
