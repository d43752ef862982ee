"""People limited to a part of the company."""

import time
from typing import Any

import jwt
import pytest

PASSWORD = "an unguessable sentence"
LIMITED = {"categories": ["tools"], "suppliers": ["ACME", "Объединение №1"], "warehouses": []}


def create(gateway: Any, **change: Any) -> Any:
    body = {"email": f"s{time.monotonic_ns()}@example.com", "name": "S", "password": PASSWORD, "roles": ["buyer"]}
    with gateway.client("admin") as client:
        return client.post("/api/v1/users", json={**body, **change})


def claims_behind(gateway: Any, email: str) -> dict[str, Any]:
    """Of the identity token a service gets for this person."""
    token = gateway.login(email, PASSWORD).json()["access_token"]
    with gateway.client(Authorization=f"Bearer {token}") as client:
        assert client.get("/api/v1/data/sales").status_code == 200
    identity = dict(gateway.echo.last()["headers"])["x-identity-token"]
    return jwt.decode(identity, options={"verify_signature": False})


def test_a_scope_reaches_the_services_in_the_identity_token(gateway: Any, fresh_echo: Any) -> None:
    user = create(gateway, scope=LIMITED).json()
    assert user["scope"] == LIMITED
    assert claims_behind(gateway, user["email"])["scope"] == LIMITED


def test_without_a_scope_there_is_no_claim_and_with_one_list_only_that_one(gateway: Any, fresh_echo: Any) -> None:
    assert "scope" not in claims_behind(gateway, create(gateway).json()["email"])
    user = create(gateway, scope={"suppliers": ["ACME"]}).json()
    assert user["scope"] == {"categories": None, "suppliers": ["ACME"], "warehouses": None}
    assert claims_behind(gateway, user["email"])["scope"] == {"suppliers": ["ACME"]}


def test_a_changed_scope_is_effective_within_five_seconds_without_a_new_login(gateway: Any) -> None:
    user = create(gateway, scope=LIMITED).json()
    token = gateway.login(user["email"], PASSWORD).json()["access_token"]
    with gateway.client("admin") as admin, gateway.client(Authorization=f"Bearer {token}") as client:
        assert client.get("/api/v1/auth/me").json()["scope"] == LIMITED
        changed = admin.patch(f"/api/v1/users/{user['id']}", json={"name": "Renamed"}).json()
        assert changed["scope"] == LIMITED
        assert admin.patch(f"/api/v1/users/{user['id']}", json={"scope": {}}).json()["scope"] is None
        began = time.monotonic()
        while client.get("/api/v1/auth/me").json()["scope"] is not None:
            assert time.monotonic() - began < 5
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"roles": ["admin"], "scope": LIMITED}, "/scope"),
        ({"roles": ["admin", "buyer"], "scope": {"warehouses": []}}, "/scope"),
        ({"scope": {"suppliers": [""]}}, "/scope"),
        ({"scope": {"suppliers": [" A"]}}, "/scope"),
        ({"scope": {"suppliers": ["a\x00b"]}}, "/scope"),
        ({"scope": {"suppliers": ["a" * 101]}}, "/scope"),
        ({"scope": {"suppliers": [f"SUPPLIER-{n:05}" for n in range(900)]}}, "/scope"),
        ({"scope": {"suppliers": [str(n) for n in range(1001)]}}, "/scope/suppliers"),
        ({"scope": {"suppliers": "ACME"}}, "/scope/suppliers"),
        ({"scope": {"suppliers": [1]}}, "/scope/suppliers/0"),
        ({"scope": {"regions": ["north"]}}, "/scope/regions"),
        ({"scope": ["ACME"]}, "/scope"),
    ],
)
def test_a_scope_that_cannot_be_is_refused_naming_the_place(change: dict[str, Any], pointer: str, gateway: Any) -> None:
    response = create(gateway, **change)
    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_half_a_character_in_a_scope_is_refused(gateway: Any) -> None:
    body = b'{"email": "h@example.com", "name": "h", "roles": ["buyer"], "scope": {"suppliers": ["\\ud800"]}}'
    with gateway.client("admin") as client:
        response = client.post("/api/v1/users", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}


def test_an_administrator_cannot_be_limited_afterwards_either(gateway: Any) -> None:
    limited, admin = create(gateway, scope=LIMITED).json(), create(gateway, roles=["admin"]).json()
    with gateway.client("admin") as client:
        for path, change in ((limited["id"], {"roles": ["admin"]}), (admin["id"], {"scope": {"warehouses": ["W1"]}})):
            response = client.patch(f"/api/v1/users/{path}", json=change)
            assert (response.status_code, response.json()["code"]) == (422, "invalid_user")
        both = client.patch(f"/api/v1/users/{limited['id']}", json={"roles": ["admin"], "scope": {}})
        assert (both.status_code, both.json()["scope"]) == (200, None)


def test_the_largest_scope_that_is_taken_travels_in_the_header(gateway: Any, fresh_echo: Any) -> None:
    codes = [f"S{n:05}" for n in range(580)]
    user = create(gateway, scope={"suppliers": codes})
    assert user.status_code == 201, user.text
    assert claims_behind(gateway, user.json()["email"])["scope"] == {"suppliers": codes}
