"""Makes and verifies the three kinds of tokens; one kind never passes for another (`typ` and `aud` differ)."""

import time
from typing import Any, Literal
from uuid import UUID

import jwt

from gateway.authentication.adapters.keys import KeyRing
from gateway.authentication.domain import (
    ACCESS_AUDIENCE,
    IDENTITY_SECONDS,
    ISSUER,
    REFRESH_AUDIENCE,
    AccessClaims,
    Principal,
    RefreshClaims,
)
from gateway.authentication.errors import InvalidTokenError

_ALGORITHM = "EdDSA"
_MAX_CHARACTERS = {"access": 4096, "refresh": 4096, "identity": 16_384}  # an identity may carry a long scope
_LEEWAY_SECONDS = 5
_KINDS = ("user", "service", "api_key")
_TokenType = Literal["access", "refresh", "identity"]


class Tokens:
    """The verification key is chosen by `kid` among our own; `jku`, `jwk`, `x5u` and the like are never looked at."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def access(self, principal: Principal, seconds: int) -> str:
        claims = {"sub": principal.subject, "kind": principal.kind, "sid": principal.session}
        return self._sign("access", ACCESS_AUDIENCE, seconds, claims)

    def refresh(self, claims: RefreshClaims, seconds: int) -> str:
        return self._sign(
            "refresh", REFRESH_AUDIENCE, seconds, {"sub": str(claims.session_id), "jti": str(claims.token_id)}
        )

    def identity(self, principal: Principal, audience: str) -> str:
        """For one service, to be believed for a minute."""
        claims: dict[str, Any] = {
            "sub": principal.subject,
            "kind": principal.kind,
            "name": principal.name,
            "roles": sorted(principal.roles),
            "sid": principal.session,
        }
        if principal.acting_service is not None:
            claims["act"] = principal.acting_service
        if principal.scope is not None:
            claims["scope"] = principal.scope.claim
        return self._sign("identity", audience, IDENTITY_SECONDS, claims)

    def read_access(self, token: str) -> AccessClaims:
        """Raises: InvalidTokenError whatever is wrong."""
        claims = self._verify("access", ACCESS_AUDIENCE, token)
        return _caller(claims)

    def read_refresh(self, token: str) -> RefreshClaims:
        """Raises: InvalidTokenError whatever is wrong."""
        claims = self._verify("refresh", REFRESH_AUDIENCE, token)
        try:
            return RefreshClaims(UUID(claims["sub"]), UUID(claims["jti"]))
        except (KeyError, ValueError, AttributeError) as error:
            raise InvalidTokenError from error

    def read_identity(self, token: str, audience: str) -> AccessClaims:
        """The person a service got this token about. Raises: InvalidTokenError whatever is wrong."""
        return _caller(self._verify("identity", audience, token))

    def _sign(self, typ: _TokenType, audience: str, seconds: int, claims: dict[str, Any]) -> str:
        now = int(time.time())
        payload = {"iss": ISSUER, "aud": audience, "iat": now, "nbf": now, "exp": now + seconds, **claims}
        kid, key = self._keys.signing_key
        return jwt.encode(payload, key, algorithm=_ALGORITHM, headers={"kid": kid, "typ": typ})

    def _verify(self, typ: _TokenType, audience: str, token: str) -> dict[str, Any]:
        if len(token) > _MAX_CHARACTERS[typ]:
            raise InvalidTokenError
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.public_keys.get(header.get("kid", ""))
            if header.get("typ") != typ or header.get("alg") != _ALGORITHM or key is None or "crit" in header:
                raise InvalidTokenError
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=audience,
                issuer=ISSUER,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "nbf", "aud", "iss", "sub"], "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidTokenError from error


def _caller(claims: dict[str, Any]) -> AccessClaims:
    kind, session = claims.get("kind"), claims.get("sid")
    if kind not in _KINDS or not isinstance(session, str) or (kind == "service") != (session == ""):
        raise InvalidTokenError
    try:
        UUID(session or "0" * 32)
    except ValueError as error:
        raise InvalidTokenError from error
    return AccessClaims(str(claims["sub"]), kind, session, float(claims["exp"]) + _LEEWAY_SECONDS)
