"""Identities as the gateway would sign them, with a key made for the test run."""

import time
from collections.abc import Iterable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.web.identity import ALGORITHM, HEADER, ISSUER, TOKEN_TYPE, StaticKeys

KEY_ID = "test"
_PRIVATE_KEY = Ed25519PrivateKey.generate()
TEST_KEYS = StaticKeys({KEY_ID: _PRIVATE_KEY.public_key()})


def identity_token(
    audience: str, *, key: Ed25519PrivateKey = _PRIVATE_KEY, typ: str = TOKEN_TYPE, **claims: Any
) -> str:
    now = int(time.time())
    payload = {
        "iss": ISSUER,
        "aud": audience,
        "sub": "00000000-0000-7000-8000-000000000001",
        "kind": "user",
        "name": "tester@example.com",
        "roles": ["admin"],
        "iat": now,
        "exp": now + 60,
        **claims,
    }
    return jwt.encode(payload, key, algorithm=ALGORITHM, headers={"kid": KEY_ID, "typ": typ})


def scope_claim(
    *,
    categories: Iterable[str] | None = None,
    suppliers: Iterable[str] | None = None,
    warehouses: Iterable[str] | None = None,
) -> dict[str, list[str]]:
    """`identity_token("data", scope=scope_claim(suppliers=["S1"]))`; what is not given is not limited."""
    given = {"categories": categories, "suppliers": suppliers, "warehouses": warehouses}
    return {name: sorted(codes) for name, codes in given.items() if codes is not None}


def identity_headers(audience: str, **claims: Any) -> dict[str, str]:
    """Headers of a forwarded request; by default an administrator's."""
    return {HEADER: identity_token(audience, **claims)}
