"""What a key is limited to, as the door keeps it to that."""

from typing import Any

import pytest


def key_with(gateway: Any, role: str, **terms: Any) -> str:
    with gateway.client(role) as client:
        created = client.post("/api/v1/api-keys", json={"name": "limited", **terms})
    assert created.status_code == 201, created.text
    return created.json()["key"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/data/sales", 200),
        ("POST", "/api/v1/data/products", 403),
        ("GET", "/api/v1/forecast/runs", 403),
        ("POST", "/api/v1/forecast/runs", 200),
        ("GET", "/api/v1/auth/me", 403),
        ("GET", "/api/v1/api-keys", 403),
        ("GET", "/.well-known/jwks.json", 200),
        ("GET", "/health/live", 200),
    ],
)
def test_a_key_does_what_its_scopes_say_and_nothing_else(
    method: str, path: str, expected: int, gateway: Any, fresh_echo: Any
) -> None:
    key = key_with(gateway, "buyer", scopes=["data:read", "forecast:write"])
    with gateway.client(**{"X-API-Key": key}) as client:
        response = client.request(method, path)
    assert response.status_code == expected, response.text
    if expected == 403:
        assert fresh_echo.seen == []


def test_scopes_add_nothing_to_the_roles(gateway: Any, fresh_echo: Any) -> None:
    key = key_with(gateway, "ops", scopes=["data:write", "data:read"])
    with gateway.client(**{"X-API-Key": key}) as client:
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 403
    assert fresh_echo.seen == []


def test_a_key_makes_no_more_requests_a_day_than_it_may(gateway: Any, fresh_echo: Any) -> None:
    key = key_with(gateway, "buyer", requests_per_day=3)
    with gateway.client(**{"X-API-Key": key}) as client:
        answers = [client.get("/api/v1/data/sales") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert len(fresh_echo.seen) == 3
