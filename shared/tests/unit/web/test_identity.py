import base64
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import UnauthenticatedError
from shared.testing.identities import KEY_ID, TEST_KEYS, identity_token
from shared.web.identity import IdentityVerifier

VERIFIER = IdentityVerifier(TEST_KEYS, "data")


async def test_a_signed_identity_is_read() -> None:
    identity = await VERIFIER.verify(identity_token("data", roles=["buyer"], act="forecast"))
    assert identity.roles == {"buyer"}
    assert identity.acting_service == "forecast"
    assert "eyJ" not in repr(identity)


def hmac_with_public_key() -> str:
    return jwt.encode({"aud": "data"}, "x" * 32, algorithm="HS256", headers={"kid": KEY_ID, "typ": "identity"})


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * 5000,
        identity_token("forecast"),
        identity_token("data", exp=int(time.time()) - 60),
        identity_token("data", nbf=int(time.time()) + 600),
        identity_token("data", iss="elsewhere"),
        identity_token("data", typ="access"),
        identity_token("data", key=Ed25519PrivateKey.generate()),
        identity_token("data", roles=None),
        identity_token("data")[:-4] + "AAAA",
        hmac_with_public_key(),
        base64.urlsafe_b64encode(b'{"a":' * 1000 + b"1" + b"}" * 1000).decode().rstrip("=")[:4000] + ".e30.AA",
        base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=") + ".e30.AA",
        jwt.encode({"aud": "data"}, None, algorithm="none", headers={"kid": KEY_ID, "typ": "identity"}),
    ],
)
async def test_anything_else_is_refused_alike(token: str) -> None:
    with pytest.raises(UnauthenticatedError) as refusal:
        await VERIFIER.verify(token)
    assert "gateway" in refusal.value.detail


@pytest.mark.parametrize("missing", ["exp", "iat", "aud", "iss", "sub", "kind"])
async def test_every_claim_is_required(missing: str) -> None:
    claims: dict[str, Any] = jwt.decode(identity_token("data"), options={"verify_signature": False})
    del claims[missing]
    from shared.testing import identities

    token = jwt.encode(claims, identities._PRIVATE_KEY, algorithm="EdDSA", headers={"kid": KEY_ID, "typ": "identity"})
    with pytest.raises(UnauthenticatedError):
        await VERIFIER.verify(token)
