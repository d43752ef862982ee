"""Who is calling: the short-lived token the gateway signs for each forwarded request (Ed25519).

A service trusts nothing else: no address, no header without a signature, no token made for another service.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Depends, Request

from shared.errors import ForbiddenError, UnauthenticatedError, UnavailableError

HEADER = "X-Identity-Token"
ISSUER = "gateway"
TOKEN_TYPE = "identity"  # noqa: S105 -- the value of the `typ` header, not a secret
ALGORITHM = "EdDSA"
LEEWAY_SECONDS = 5
_REFRESH_SECONDS = 10.0
_RENEW_SECONDS = 60.0  # what the gateway allows a copy of its keys to be kept
_FORGET_SECONDS = 600.0  # how long known keys serve while the gateway cannot be asked
_MAX_TOKEN_CHARACTERS = 16_384  # a scope may name hundreds of suppliers
_SCOPE_MEMBERS = ("categories", "suppliers", "warehouses")


class OutsideScopeError(ForbiddenError):
    """The caller may do this, but not to what lies outside the caller's scope."""

    code = "outside_scope"
    title = "Outside your scope"


@dataclass(frozen=True)
class AccessScope:
    """The part of the company a caller may see and change. None is all of that kind, an empty set is none of it.

    What has no category (or supplier, or warehouse) is outside every scope that limits them.
    """

    categories: frozenset[str] | None = None
    suppliers: frozenset[str] | None = None
    warehouses: frozenset[str] | None = None

    @classmethod
    def from_claim(cls, claim: Any) -> "AccessScope":
        """Raises: ValueError for anything but an object of lists of codes under the three known names."""
        if not isinstance(claim, dict) or not claim.keys() <= set(_SCOPE_MEMBERS):
            raise ValueError("a scope is an object with categories, suppliers and warehouses")
        return cls(**{name: _codes(codes) for name, codes in claim.items()})

    @property
    def claim(self) -> dict[str, list[str]]:
        """As tokens carry it: a member that is not limited is absent."""
        members = {name: getattr(self, name) for name in _SCOPE_MEMBERS}
        return {name: sorted(codes) for name, codes in members.items() if codes is not None}

    @property
    def is_limited(self) -> bool:
        return self != UNLIMITED

    def allows_category(self, category: str | None) -> bool:
        return self.categories is None or category in self.categories

    def allows_supplier(self, code: str | None) -> bool:
        return self.suppliers is None or code in self.suppliers

    def allows_warehouse(self, code: str | None) -> bool:
        return self.warehouses is None or code in self.warehouses

    def allows(self, *, category: str | None, supplier: str | None, warehouse: str | None) -> bool:
        """Whether one row that has all three may be seen."""
        return self.allows_category(category) and self.allows_supplier(supplier) and self.allows_warehouse(warehouse)

    def require_unlimited(self, what: str) -> None:
        """Raises: OutsideScopeError. `what` begins the sentence: "An import"."""
        if self.is_limited:
            raise OutsideScopeError(
                f"{what} touches the whole company and your access is limited to a part of it. "
                "Ask somebody with unlimited access, or an administrator to widen yours."
            )


UNLIMITED = AccessScope()


@dataclass(frozen=True)
class Identity:
    """`token` is what came with the request, for calls made on this person's behalf within its lifetime (60 s)."""

    subject: str
    kind: Literal["user", "service", "api_key"]
    name: str
    roles: frozenset[str]
    acting_service: str | None = None
    token: str = field(default="", repr=False)
    scope: AccessScope = UNLIMITED

    def require_role(self, *roles: str) -> None:
        """Raises: ForbiddenError when the caller has none of the roles."""
        if self.roles.isdisjoint(roles):
            raise ForbiddenError(f"This needs one of the roles: {', '.join(sorted(roles))}. Ask an administrator.")


class KeySource(Protocol):
    """Public keys by key id."""

    async def key(self, key_id: str) -> Ed25519PublicKey | None: ...

    async def close(self) -> None: ...


class StaticKeys:
    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        return self._keys.get(key_id)

    async def close(self) -> None:
        """Nothing is open."""


class GatewayKeys:
    """The gateway's published keys, fetched when an unknown key id turns up, at most once in ten seconds."""

    def __init__(self, gateway_url: str) -> None:
        self._client = httpx.AsyncClient(base_url=gateway_url, timeout=5.0)
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._asked_at = self._fetched_at = -_FORGET_SECONDS
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        is_being_asked = key_id not in self._keys and self._lock.locked()
        if is_being_asked or self._is_due(key_id):
            async with self._lock:
                if self._is_due(key_id):
                    await self._renew(key_id)
        return self._keys.get(key_id)

    def _is_due(self, key_id: str) -> bool:
        """Unknown keys are asked for at once; known ones are looked up again, since one may have been taken out."""
        now = time.monotonic()
        is_stale = key_id not in self._keys or now - self._fetched_at >= _RENEW_SECONDS
        return is_stale and now - self._asked_at >= _REFRESH_SECONDS

    async def _renew(self, key_id: str) -> None:
        self._asked_at = time.monotonic()
        try:
            await self._fetch()
        except UnavailableError:
            is_forgotten = self._asked_at - self._fetched_at >= _FORGET_SECONDS
            if is_forgotten or key_id not in self._keys:
                self._asked_at = -_FORGET_SECONDS
                raise

    async def _fetch(self) -> None:
        try:
            response = await self._client.get("/.well-known/jwks.json")
            response.raise_for_status()
            keys = response.json()["keys"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise UnavailableError("The gateway's public keys cannot be read now; try again in a moment.") from error
        self._keys = {k["kid"]: jwt.PyJWK(k, algorithm=ALGORITHM).key for k in keys if k.get("kty") == "OKP"}
        self._fetched_at = time.monotonic()

    async def close(self) -> None:
        await self._client.aclose()


class IdentityVerifier:
    """`audience` is the owner name of the service the token must have been made for."""

    def __init__(self, keys: KeySource, audience: str) -> None:
        self._keys = keys
        self._audience = audience

    async def verify(self, token: str) -> Identity:
        """Raises: UnauthenticatedError whatever is wrong with the token; UnavailableError when no key can be had."""
        claims = await self._claims(token)
        try:
            return Identity(
                subject=str(claims["sub"]),
                kind=claims["kind"],
                name=str(claims.get("name", "")),
                roles=frozenset(claims["roles"]),
                acting_service=claims.get("act"),
                token=token,
                scope=AccessScope.from_claim(claims["scope"]) if "scope" in claims else UNLIMITED,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _refusal() from error

    async def _claims(self, token: str) -> dict[str, Any]:
        if not token or len(token) > _MAX_TOKEN_CHARACTERS:
            raise _refusal()
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise _refusal() from error
        if header.get("alg") != ALGORITHM or header.get("typ") != TOKEN_TYPE:
            raise _refusal()
        key = await self._keys.key(str(header.get("kid", "")))
        if key is None:
            raise _refusal()
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            raise _refusal() from error

    async def close(self) -> None:
        await self._keys.close()


def _codes(codes: Any) -> frozenset[str]:
    if not isinstance(codes, list) or not all(isinstance(code, str) and code for code in codes):
        raise ValueError("a member of a scope is a list of codes")
    return frozenset(codes)


def _refusal() -> UnauthenticatedError:
    return UnauthenticatedError("Only requests signed by the gateway are served here; call the gateway instead.")


async def require_identity(request: Request) -> Identity:
    """On every route under /v1; the verified identity is also kept for the handler's own parameter."""
    known: Identity | None = getattr(request.state, "identity", None)
    if known is None:
        verifier: IdentityVerifier = request.state.identity_verifier
        known = await verifier.verify(request.headers.get(HEADER, ""))
        request.state.identity = known
    return known


CallerIdentity = Annotated[Identity, Depends(require_identity)]


async def get_scope(identity: CallerIdentity) -> AccessScope:
    return identity.scope


CallerScope = Annotated[AccessScope, Depends(get_scope)]
