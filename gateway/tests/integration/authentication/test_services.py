"""Services with credentials of their own, and services acting for a person."""

from typing import Any

import jwt
import pytest

from shared.web.identity import GatewayKeys, IdentityVerifier


def identity_of(echo: Any) -> str:
    return dict(echo.last()["headers"])["x-identity-token"]


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize(
    "body",
    [
        {"client_id": "forecast", "client_secret": "wrong"},
        {"client_id": "nobody", "client_secret": "forecast-secret"},
        {"client_id": "data", "client_secret": "forecast-secret"},
        {"client_id": "", "client_secret": "x"},
    ],
)
def test_wrong_service_credentials_are_refused(body: dict[str, str], gateway: Any) -> None:
    with gateway.client() as client:
        response = client.post("/api/v1/auth/token", json=body)
    assert (response.status_code, response.json()["code"]) == (401, "invalid_client")


def test_a_service_reaches_what_services_may(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("service") as client:
        assert client.get("/api/v1/data/demand").status_code == 200
        claims = claims_of(identity_of(fresh_echo))
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 403
    assert (claims["sub"], claims["kind"], claims["roles"], claims["aud"]) == (
        "forecast",
        "service",
        ["service"],
        "data",
    )


async def test_what_a_service_receives_verifies_with_the_published_keys(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("buyer") as client:
        client.get("/api/v1/forecast/runs")
    token = identity_of(fresh_echo)
    verifier = IdentityVerifier(GatewayKeys(gateway.url), "forecast")
    identity = await verifier.verify(token)
    await verifier.close()
    assert (identity.name, identity.roles, identity.kind) == ("buyer@example.com", frozenset({"buyer"}), "user")
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == 60


def test_a_service_acts_for_the_person_it_received(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("buyer") as client:
        client.get("/api/v1/forecast/runs")
    received = identity_of(fresh_echo)
    with gateway.client("service", **{"X-Acting-For": received}) as client:
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 200
        claims = claims_of(identity_of(fresh_echo))
        assert client.post("/api/v1/storage/backups", json={}).status_code == 403  # the buyer may not, nor may it then
    assert (claims["name"], claims["roles"], claims["act"]) == ("buyer@example.com", ["buyer"], "forecast")
    assert claims["aud"] == "data"
    assert "x-acting-for" not in dict(fresh_echo.last()["headers"])


def test_nobody_but_a_service_can_act_for_another(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("admin") as client:
        client.get("/api/v1/forecast/runs")
    received = identity_of(fresh_echo)
    with gateway.client("buyer", **{"X-Acting-For": received}) as client:
        assert client.get("/api/v1/data/sales").json()["code"] == "acting_for_refused"
    with gateway.client(**{"X-Acting-For": received}) as client:
        assert client.get("/api/v1/data/sales").status_code == 403
    assert len(fresh_echo.seen) == 1


def test_a_token_made_for_another_service_is_of_no_use(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("admin") as client:
        client.get("/api/v1/storage/files")
    for token in (identity_of(fresh_echo), gateway.token("admin"), "x", "", "a.b.c"):
        with gateway.client("service", **{"X-Acting-For": token}) as client:
            assert client.get("/api/v1/data/sales").status_code == 401
    assert len(fresh_echo.seen) == 1


def test_acting_for_a_person_is_no_way_to_users_keys_or_the_audit_trail(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("admin") as client:
        client.get("/api/v1/forecast/runs")
    with gateway.client("service", **{"X-Acting-For": identity_of(fresh_echo)}) as client:
        for path in ("/api/v1/users", "/api/v1/api-keys", "/api/v1/audit", "/api/v1/auth/me"):
            assert client.get(path).json()["code"] == "acting_for_refused"
        assert client.post("/api/v1/api-keys", json={"name": "x"}).status_code == 403


def test_a_service_acting_for_a_limited_person_is_limited_alike(gateway: Any, fresh_echo: Any) -> None:
    codes = [f"S{n:05}" for n in range(580)]
    with gateway.client("admin") as client:
        body = {"email": "limited@example.com", "name": "x", "password": "an unguessable one", "roles": ["buyer"]}
        assert client.post("/api/v1/users", json={**body, "scope": {"suppliers": codes}}).status_code == 201
    token = gateway.login("limited@example.com", "an unguessable one").json()["access_token"]
    with gateway.client(Authorization=f"Bearer {token}") as client:
        assert client.get("/api/v1/forecast/runs").status_code == 200
    received = identity_of(fresh_echo)
    with gateway.client("service", **{"X-Acting-For": received}) as client:
        assert client.get("/api/v1/data/sales").status_code == 200
    claims = claims_of(identity_of(fresh_echo))
    assert (claims["act"], claims["scope"]) == ("forecast", {"suppliers": codes})
