"""Who a caller is, the kinds of tokens, and how often logging in may be tried."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

ISSUER = "gateway"
ACCESS_AUDIENCE = "procurement"
REFRESH_AUDIENCE = "gateway-refresh"
IDENTITY_SECONDS = 60

Kind = Literal["user", "service", "api_key"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A recognised caller with the roles of this moment.

    `session` is what can be revoked: the id of the login session or of the API key, empty for a service.
    `key` tells two principals apart in caches: same key, same rights.
    """

    subject: str
    kind: Kind
    name: str
    roles: frozenset[str]
    session: str
    acting_service: str | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        parts = (self.kind, self.subject, self.session, ",".join(sorted(self.roles)), self.acting_service or "")
        object.__setattr__(self, "key", "|".join(parts))

    def acted_by(self, service: str) -> "Principal":
        return replace(self, acting_service=service)


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
class ThrottleRule:
    """`attempts` at once, one more every `seconds` / `attempts`."""

    scope: str
    attempts: int
    seconds: int


# Per account and per account and address: guessing one person's password stays slow from wherever it is tried, and the
# person themselves is locked out by a stranger only while the stranger keeps guessing.
LOGIN_RULES = (ThrottleRule("account", 30, 900), ThrottleRule("account-address", 8, 300))


def throttle_key(rule: ThrottleRule, account: str, address: str) -> bytes:
    """Hashed: the throttle table must not become a list of who tried to log in from where."""
    text = f"{rule.scope}\n{account}\n{address if rule.scope == 'account-address' else ''}"
    return hashlib.sha256(text.encode()).digest()


def audience_of_client(client_id: str) -> str:
    """The owner name a service's identity tokens are made for; `forecast-service` is `forecast` too."""
    return client_id.removesuffix("-service")
