import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import UnauthenticatedError
from shared.testing.identities import KEY_ID, TEST_KEYS, identity_token, scope_claim
from shared.web.identity import UNLIMITED, AccessScope, IdentityVerifier, OutsideScopeError

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
        "x" * 20_000,
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


async def test_a_scope_is_read_and_limits_what_it_names() -> None:
    claim = scope_claim(categories=["Fruit"], suppliers=["S1", "S2"])
    scope = (await VERIFIER.verify(identity_token("data", scope=claim))).scope
    assert scope == AccessScope(categories=frozenset({"Fruit"}), suppliers=frozenset({"S1", "S2"}))
    assert scope.claim == claim
    assert scope.is_limited
    assert scope.allows(category="Fruit", supplier="S2", warehouse="anywhere")
    assert not scope.allows(category="Fruit", supplier="S3", warehouse="anywhere")
    assert not scope.allows(category=None, supplier="S1", warehouse="anywhere")
    with pytest.raises(OutsideScopeError, match="An import touches the whole company"):
        scope.require_unlimited("An import")


@pytest.mark.parametrize("claims", [{}, {"scope": {}}])
async def test_without_a_scope_nothing_is_limited(claims: dict[str, Any]) -> None:
    scope = (await VERIFIER.verify(identity_token("data", **claims))).scope
    assert scope == UNLIMITED
    assert not scope.is_limited
    assert scope.allows(category=None, supplier=None, warehouse=None)
    scope.require_unlimited("An import")


async def test_an_empty_list_allows_nothing() -> None:
    scope = (await VERIFIER.verify(identity_token("data", scope={"warehouses": []}))).scope
    assert scope.is_limited
    assert scope.claim == {"warehouses": []}
    assert not scope.allows_warehouse("W1")
    assert scope.allows_supplier("S1")


@pytest.mark.parametrize(
    "claim",
    [
        None,
        [],
        "all",
        True,
        {"suppliers": None},
        {"suppliers": "S1"},
        {"suppliers": {"S1": 1}},
        {"suppliers": [1]},
        {"suppliers": [None]},
        {"suppliers": [""]},
        {"suppliers": [["S1"]]},
        {"supplier": ["S1"]},
        {"suppliers": ["S1"], "regions": ["north"]},
    ],
)
async def test_a_scope_that_is_not_understood_is_no_identity(claim: Any) -> None:
    """Overlooking a limit would be worse than refusing."""
    with pytest.raises(UnauthenticatedError):
        await VERIFIER.verify(identity_token("data", scope=claim))


async def test_a_scope_as_long_as_the_gateway_allows_fits_into_a_token() -> None:
    claim = scope_claim(suppliers=[f"поставщик-{number:05}" for number in range(90)])
    assert 5500 < len(json.dumps(claim)) < 8000
    assert (await VERIFIER.verify(identity_token("data", scope=claim))).scope.claim == claim
