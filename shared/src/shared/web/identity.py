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
_MAX_TOKEN_CHARACTERS = 4096


@dataclass(frozen=True)
class Identity:
    """`token` is what came with the request, for calls made on this person's behalf within its lifetime (60 s)."""

    subject: str
    kind: Literal["user", "service", "api_key"]
    name: str
    roles: frozenset[str]
    acting_service: str | None = None
    token: str = field(default="", repr=False)

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
        self._fetched_at = -_REFRESH_SECONDS
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        if key_id not in self._keys:
            async with self._lock:
                if key_id not in self._keys and time.monotonic() - self._fetched_at >= _REFRESH_SECONDS:
                    await self._fetch()
        return self._keys.get(key_id)

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
            )
        except (KeyError, TypeError) as error:
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
