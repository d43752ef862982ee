"""Who a caller is, the kinds of tokens, and how often logging in may be tried."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from gateway.access.domain import AccessScope

ISSUER = "gateway"
ACCESS_AUDIENCE = "procurement"
REFRESH_AUDIENCE = "gateway-refresh"
IDENTITY_SECONDS = 60

Kind = Literal["user", "service", "api_key"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A recognised caller with the roles of this moment.

    `session` is what can be revoked: the id of the login session or of the API key, empty for a service.
    `scope` None sees the whole company. `permits` are what an API key is limited to ("data:read"), None for all that
    the roles allow; `daily_quota` is how many requests a key may make in one UTC day.
    `key` tells two principals apart in caches: same key, same rights.
    """

    subject: str
    kind: Kind
    name: str
    roles: frozenset[str]
    session: str
    acting_service: str | None = None
    scope: AccessScope | None = None
    permits: frozenset[str] | None = None
    daily_quota: int | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        parts = (
            self.kind,
            self.subject,
            self.session,
            ",".join(sorted(self.roles)),
            self.acting_service or "",
            _limits_key(self.scope, self.permits, self.daily_quota),
        )
        object.__setattr__(self, "key", "|".join(parts))

    def acted_by(self, service: str) -> "Principal":
        return replace(self, acting_service=service)


def _limits_key(scope: AccessScope | None, permits: frozenset[str] | None, daily_quota: int | None) -> str:
    """Short however long the lists are; unambiguous, since the lists are hashed as JSON."""
    if scope is None and permits is None and daily_quota is None:
        return ""
    limits = [None if scope is None else scope.claim, None if permits is None else sorted(permits), daily_quota]
    return hashlib.sha256(json.dumps(limits, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a verified access token says. `expires_at` in seconds since the epoch."""

    subject: str
    kind: Kind
    session: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    session_id: UUID
    token_id: UUID


@dataclass(frozen=True, slots=True)
class Session:
    """One login as its owner sees it. `user_agent` is what the program called itself."""

    id: UUID
    user_agent: str | None
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody logs in from, to be recognised in the list of sessions."""

    address: str
    user_agent: str | None

    @classmethod
    def of(cls, address: str, user_agent: str | None) -> "Device":
        """The program's name may be anything a header can hold."""
        name = "".join(character for character in user_agent or "" if character.isprintable())
        return cls(address, name[:300].strip() or None)


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login begun at the identity provider. `binding` is the caller's own mark, given back with the tokens."""

    nonce: str
    code_verifier: str
    binding: str | None


@dataclass(frozen=True, slots=True)
class ExternalPerson:
    """Who the identity provider says it is; the address is one it has verified."""

    subject: str
    email: str
    name: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """`attempts` at once, one more every `seconds` / `attempts`; counted by account, address or both together."""

    scope: str
    attempts: int
    seconds: int
    by_account: bool = True
    by_address: bool = False


# Per account and per account and address: guessing one person's password stays slow from wherever it is tried, and the
# person themselves is locked out by a stranger only while the stranger keeps guessing.
LOGIN_RULES = (ThrottleRule("account", 30, 900), ThrottleRule("account-address", 8, 300, by_address=True))
RESET_RULES = (
    ThrottleRule("reset-account", 5, 3600),
    ThrottleRule("reset-address", 30, 3600, by_account=False, by_address=True),
)


def throttle_key(rule: ThrottleRule, account: str, address: str) -> bytes:
    """Hashed: the throttle table must not become a list of who tried to log in from where."""
    text = f"{rule.scope}\n{account if rule.by_account else ''}\n{address if rule.by_address else ''}"
    return hashlib.sha256(text.encode()).digest()


def audience_of_client(client_id: str) -> str:
    """The owner name a service's identity tokens are made for; `forecast-service` is `forecast` too."""
    return client_id.removesuffix("-service")
