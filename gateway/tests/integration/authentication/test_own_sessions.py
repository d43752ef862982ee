"""One's sessions: seen and ended one by one."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

PASSWORD = "an unguessable sentence"


@pytest.fixture
def email(gateway: Any) -> str:
    address = f"o{time.monotonic_ns()}@example.com"
    with gateway.client("admin") as client:
        body = {"email": address, "name": "A person", "password": PASSWORD, "roles": ["buyer"]}
        assert client.post("/api/v1/users", json=body).status_code == 201
    return address


def login(gateway: Any, email: str, agent: bytes = b"Browser/1.0 (somewhere)") -> dict[str, str]:
    headers = {b"User-Agent": agent}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=20, trust_env=False) as client:
        return client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD}).json()


def person(gateway: Any, tokens: dict[str, str]) -> httpx.Client:
    return gateway.client(Authorization=f"Bearer {tokens['access_token']}")


def test_sessions_tell_from_where_and_with_what(gateway: Any, email: str) -> None:
    login(gateway, email)
    phone = login(gateway, email, b"Phone/2.0")
    with person(gateway, phone) as client:
        sessions = client.get("/api/v1/auth/sessions").json()["items"]
    assert [(one["user_agent"], one["current"]) for one in sessions] == [
        ("Phone/2.0", True),
        ("Browser/1.0 (somewhere)", False),
    ]
    for one in sessions:
        assert one["address"] == "127.0.0.1"
        assert datetime.now(UTC) - datetime.fromisoformat(one["last_used_at"]) < timedelta(minutes=1)
        assert datetime.fromisoformat(one["created_at"]) < datetime.fromisoformat(one["expires_at"])


def test_use_is_noted_at_most_once_a_minute(gateway: Any, email: str) -> None:
    tokens = login(gateway, email)
    with person(gateway, tokens) as client:
        (session,) = client.get("/api/v1/auth/sessions").json()["items"]
        gateway.rows(
            "UPDATE gateway.sessions SET last_used_at = now() - interval '1 hour'"
            f" WHERE id = '{session['id']}' RETURNING 1"
        )
        until = time.monotonic() + 8
        while client.get("/api/v1/auth/sessions").json()["items"][0]["last_used_at"] < session["last_used_at"]:
            assert time.monotonic() < until
            time.sleep(0.2)


def test_a_session_ends_within_five_seconds_and_the_others_stay(gateway: Any, email: str) -> None:
    lost, kept = login(gateway, email, b"Lost/1"), login(gateway, email, b"Kept/1")
    with person(gateway, lost) as client:
        assert client.get("/api/v1/auth/me").status_code == 200
    with person(gateway, kept) as client:
        sessions = client.get("/api/v1/auth/sessions").json()["items"]
        (target,) = [one["id"] for one in sessions if one["user_agent"] == "Lost/1"]
        assert client.delete(f"/api/v1/auth/sessions/{target}").status_code == 204
        again = client.delete(f"/api/v1/auth/sessions/{target}")
        assert (again.status_code, again.json()["code"]) == (404, "session_not_found")
        assert [one["user_agent"] for one in client.get("/api/v1/auth/sessions").json()["items"]] == ["Kept/1"]
    began = time.monotonic()
    with person(gateway, lost) as client:
        while client.get("/api/v1/auth/me").status_code != 401:
            assert time.monotonic() - began < 5
            time.sleep(0.05)
    with gateway.client() as client:
        assert client.post("/api/v1/auth/refresh", json={"refresh_token": lost["refresh_token"]}).status_code == 401
        assert client.post("/api/v1/auth/refresh", json={"refresh_token": kept["refresh_token"]}).status_code == 200


def test_somebody_elses_session_is_as_if_it_did_not_exist(gateway: Any, email: str) -> None:
    with person(gateway, login(gateway, email)) as client:
        (mine,) = client.get("/api/v1/auth/sessions").json()["items"]
    with gateway.client("admin") as client:
        response = client.delete(f"/api/v1/auth/sessions/{mine['id']}")
        assert (response.status_code, response.json()["code"]) == (404, "session_not_found")
        assert mine["id"] not in client.get("/api/v1/auth/sessions").text
        assert client.delete("/api/v1/auth/sessions/not-an-id").status_code == 422
        assert client.get("/api/v1/auth/sessions", params={"cursor": "nonsense"}).status_code == 422


def test_a_key_has_no_sessions(gateway: Any) -> None:
    with gateway.client("buyer") as client:
        key = client.post("/api/v1/api-keys", json={"name": "k"}).json()["key"]
    with gateway.client(**{"X-API-Key": key}) as client:
        assert client.get("/api/v1/auth/sessions").status_code == 403


@pytest.mark.parametrize(("agent", "shown"), [(b"", None), (b"a" * 1000, "a" * 300), (b"\xff\xfe caf\xe9", "ÿþ café")])
def test_a_strange_program_name_does_no_harm(agent: bytes, shown: str | None, gateway: Any, email: str) -> None:
    with person(gateway, login(gateway, email, agent)) as client:
        assert client.get("/api/v1/auth/sessions").json()["items"][0]["user_agent"] == shown
