"""The audit trail: what it holds, that it stays."""

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg

from gateway.audit.__main__ import main

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


def test_searches_combine_and_bad_ones_are_named(gateway: Any) -> None:
    gateway.login("searched@example.com", "x")
    found = entries(gateway, action="login.*", outcome="failed", text="searched", start="2020-01-01T00:00:00Z")
    assert {entry["target"] for entry in found} == {"email:searched@example.com"}
    assert not entries(gateway, action="login.*", outcome="succeeded", text="searched")
    with gateway.client("admin") as client:
        for bad in (
            {"start": "yesterday"},
            {"start": "2026-01-01T00:00:00"},
            {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
            {"outcome": "maybe"},
            {"cursor": "WzEsMl0"},
            {"cursor": "WyIyMDI2LTAxLTAxIiwxZTk5XQ"},
        ):
            answer = client.get("/api/v1/audit", params=bad)
            assert answer.status_code == 422, bad
            assert answer.json()["errors"][0]["parameter"], bad


def test_only_operators_may_export_and_verify(gateway: Any) -> None:
    period = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    for path in ("/api/v1/audit/export", "/api/v1/audit/verification"):
        for role, status in (("buyer", 403), ("manager", 403), ("service", 403), ("ops", 200), ("admin", 200)):
            with gateway.client(role) as client:
                assert client.get(path, params=period).status_code == status, (path, role)


def test_what_is_exported_through_the_gateway_is_intact(gateway: Any, tmp_path: Path) -> None:
    with gateway.client("ops") as client:
        params = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
        answer = client.get("/api/v1/audit/export", params=params)
        table = client.get("/api/v1/audit/export", params={**params, "format": "csv"})
        assert client.get("/api/v1/audit/export", params={**params, "format": "xml"}).status_code == 422
        assert (
            client.get("/api/v1/audit/export", params={"start": params["end"], "end": params["start"]}).status_code
            == 422
        )
        assert client.get("/api/v1/audit/export").status_code == 422
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-20200101-21000101.ndjson"'
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.text.startswith("day,sequence,occurred_at,id,action")
    file = tmp_path / "export.ndjson"
    file.write_bytes(answer.content)
    assert main([str(file)]) == 0


def test_the_trail_is_verified_on_request_and_that_is_kept(gateway: Any) -> None:
    with gateway.client("admin") as client:
        today = entries(gateway)[0]["day"]
        result = client.get("/api/v1/audit/verification", params={"start_day": today, "end_day": today}).json()
        bad = client.get("/api/v1/audit/verification", params={"start_day": today, "end_day": "2020-01-01"})
        far = client.get("/api/v1/audit/verification", params={"start_day": "9999-12-31"})
    assert (result["intact"], result["first_broken"], result["days"]) == (True, None, 1)
    assert result["entries"] > 1
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid_period")
    assert far.json() == {"days": 0, "entries": 0, "seals": 0, "intact": True, "first_broken": None}
    assert entries(gateway, action="audit.verified")[0]["actor_name"] == "admin@example.com"


def test_stopping_seals_the_day(start_gateway: Any) -> None:
    gateway = start_gateway()
    gateway.login("somebody@example.com", "x")
    gateway.stop()

    async def sealed() -> int:
        connection = await asyncpg.connect(gateway.settings.database_url)
        try:
            return await connection.fetchval(
                "SELECT max(s.entries) - max(h.entries) FROM gateway.audit_seals s JOIN gateway.audit_head h USING (day)"
            )
        finally:
            await connection.close()

    assert asyncio.run(sealed()) == 0
