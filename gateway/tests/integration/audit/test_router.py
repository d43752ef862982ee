"""The audit trail: what it holds, that it stays."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

PASSWORD = "an unguessable sentence"


def entries(gateway: Any, **params: Any) -> list[dict[str, Any]]:
    with gateway.client("admin") as client:
        return client.get("/api/v1/audit", params=params).json()["items"]


def test_logins_and_failures_are_kept_with_who_what_when_and_where(gateway: Any) -> None:
    with gateway.client(**{"X-Request-Id": "trail-1"}) as client:
        client.post("/api/v1/auth/login", json={"email": "Wrong@example.com", "password": "hunter2hunter2"})
    (failed,) = [entry for entry in entries(gateway, action="login.failed") if entry["request_id"] == "trail-1"]
    assert (failed["succeeded"], failed["target"], failed["address"]) == (False, "email:wrong@example.com", "127.0.0.1")
    (login, *_) = entries(gateway, action="login.succeeded")
    assert (login["actor_kind"], login["actor_name"]) == ("user", "admin@example.com")
    assert "hunter2" not in str(entries(gateway))


def test_a_password_typed_into_the_wrong_field_is_not_kept(gateway: Any) -> None:
    gateway.login("hunter2hunter2", "x")
    assert "hunter2" not in str(entries(gateway))


def test_changes_of_users_and_keys_are_kept_without_secrets(gateway: Any) -> None:
    with gateway.client("admin") as client:
        body = {"email": "trail@example.com", "name": "T", "password": PASSWORD, "roles": ["buyer"]}
        user = client.post("/api/v1/users", json=body).json()
        client.patch(f"/api/v1/users/{user['id']}", json={"roles": ["ops"], "password": PASSWORD + " too"})
        key = client.post("/api/v1/api-keys", json={"name": "k"}).json()
        client.delete(f"/api/v1/api-keys/{key['api_key']['id']}")
    found = entries(gateway)
    actions = [entry["action"] for entry in found[:4]]
    assert actions == ["api_key.revoked", "api_key.created", "user.changed", "user.created"]
    assert found[2]["details"] == {"roles": ["ops"], "password_changed": True}
    assert found[2]["target"] == f"user:{user['id']}"
    assert PASSWORD not in str(found)
    assert key["key"] not in str(found)
    assert "argon2" not in str(found)


def test_denied_requests_are_kept_but_a_flood_is_only_counted(gateway: Any) -> None:
    with gateway.client("buyer") as client:
        client.get("/api/v1/users")
        time.sleep(1.3)
        (denied, *_) = entries(gateway, action="request.denied")
        assert (denied["target"], denied["actor_name"]) == ("GET /api/v1/users", "buyer@example.com")
        assert denied["details"] == {"status": 403, "code": "role_missing"}
        began = time.monotonic()
        for _ in range(900):
            client.get("/api/v1/users")
        seconds = time.monotonic() - began
    time.sleep(1.3)
    kept = entries(gateway, action="request.denied", limit=1000)
    assert len(kept) <= 200 * (seconds + 3)
    total = len(kept) + sum(entry["details"]["suppressed"] for entry in entries(gateway, action="requests.denied"))
    assert total >= 901


def test_a_filter_by_actor_and_pages(gateway: Any) -> None:
    with gateway.client("admin") as client:
        me = client.get("/api/v1/auth/me").json()["subject"]
        first = client.get("/api/v1/audit", params={"actor_id": me, "limit": 1}).json()
        second = client.get("/api/v1/audit", params={"actor_id": me, "limit": 1, "cursor": first["next_cursor"]}).json()
    assert first["items"][0]["id"] > second["items"][0]["id"]
    assert {item["actor_id"] for item in first["items"] + second["items"]} == {me}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gateway.audit_entries SET action = 'x'",
        "DELETE FROM gateway.audit_entries",
        "TRUNCATE gateway.audit_entries",
    ],
)
def test_entries_cannot_be_changed_or_removed(statement: str, gateway: Any) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(gateway.settings.database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    gateway.login("somebody@example.com", "x")
    with pytest.raises(asyncpg.RaiseError, match="never changed or removed"):
        asyncio.run(run())
