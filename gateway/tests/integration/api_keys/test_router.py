"""Keys for programs."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any


def create(gateway: Any, role: str, **body: Any) -> Any:
    with gateway.client(role) as client:
        return client.post("/api/v1/api-keys", json={"name": "a key", **body})


def status(gateway: Any, key: str, path: str = "/api/v1/data/sales") -> int:
    with gateway.client(**{"X-API-Key": key}) as client:
        return client.get(path).status_code


def test_a_key_works_is_shown_once_and_notes_its_use(gateway: Any) -> None:
    created = create(gateway, "buyer")
    assert created.status_code == 201
    key = created.json()["key"]
    assert key.startswith(f"pk_{created.json()['api_key']['prefix']}_")
    assert status(gateway, key) == 200
    with gateway.client("buyer") as client:
        listed = client.get("/api/v1/api-keys")
    assert key not in listed.text
    (mine,) = [item for item in listed.json()["items"] if item["id"] == created.json()["api_key"]["id"]]
    assert mine["last_used_at"] is not None


def test_a_key_may_less_than_its_owner_never_more(gateway: Any) -> None:
    assert create(gateway, "buyer", roles=["admin"]).json()["code"] == "api_key_roles"
    assert create(gateway, "buyer", roles=[]).status_code == 422
    assert create(gateway, "buyer", roles=["service"]).status_code == 422
    with gateway.client("admin") as client:
        body = {"email": "two@example.com", "name": "x", "password": "an unguessable one", "roles": ["buyer", "ops"]}
        user = client.post("/api/v1/users", json=body).json()
    token = gateway.login("two@example.com", "an unguessable one").json()["access_token"]
    with gateway.client(Authorization=f"Bearer {token}") as client:
        key = client.post("/api/v1/api-keys", json={"name": "k", "roles": ["ops"]}).json()["key"]
    assert status(gateway, key, "/api/v1/audit") == 200
    with gateway.client("admin") as client:
        client.patch(f"/api/v1/users/{user['id']}", json={"roles": ["buyer"]})
    began = time.monotonic()
    while status(gateway, key, "/api/v1/audit") != 403:
        assert time.monotonic() - began < 5
        time.sleep(0.1)


def test_a_key_ends_at_its_time(gateway: Any) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    key = create(gateway, "buyer", expires_at=soon).json()["key"]
    assert status(gateway, key) == 200
    began = time.monotonic()
    while status(gateway, key) != 401:
        assert time.monotonic() - began < 7
        time.sleep(0.1)
    past = create(gateway, "buyer", expires_at="2020-01-01T00:00:00Z")
    assert past.json()["code"] == "api_key_expiry"
    assert create(gateway, "buyer", expires_at="2020-01-01T00:00:00").status_code == 422


def test_a_revoked_key_is_refused_within_five_seconds(gateway: Any) -> None:
    created = create(gateway, "buyer").json()
    assert status(gateway, created["key"]) == 200
    with gateway.client("buyer") as client:
        assert client.delete(f"/api/v1/api-keys/{created['api_key']['id']}").status_code == 204
    began = time.monotonic()
    while status(gateway, created["key"]) != 401:
        assert time.monotonic() - began < 5
        time.sleep(0.1)


def test_somebody_elses_key_is_as_if_it_did_not_exist(gateway: Any) -> None:
    created = create(gateway, "buyer").json()["api_key"]
    with gateway.client("ops") as client:
        response = client.delete(f"/api/v1/api-keys/{created['id']}")
        assert (response.status_code, response.json()["code"]) == (404, "api_key_not_found")
        assert created["id"] not in client.get("/api/v1/api-keys").text
    with gateway.client("admin") as client:
        assert client.delete(f"/api/v1/api-keys/{created['id']}").status_code == 204


def test_a_key_cannot_make_keys_nor_log_out(gateway: Any) -> None:
    key = create(gateway, "buyer").json()["key"]
    with gateway.client(**{"X-API-Key": key}) as client:
        assert client.post("/api/v1/api-keys", json={"name": "another"}).json()["code"] == "person_needed"
        assert client.post("/api/v1/auth/logout").status_code == 403
        assert client.get("/api/v1/auth/me").json()["kind"] == "api_key"
