"""Tokens renewed, taken back, and refused when copied."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

PASSWORD = "an unguessable sentence"


@pytest.fixture
def person(gateway: Any) -> Any:
    """A new buyer: `person()` logs in and gives the tokens."""
    email = f"person-{time.monotonic_ns()}@example.com"
    with gateway.client("admin") as client:
        body = {"email": email, "name": "A person", "password": PASSWORD, "roles": ["buyer"]}
        created = client.post("/api/v1/users", json=body).json()

    def login(password: str = PASSWORD) -> Any:
        return gateway.login(email, password).json()

    login.id = created["id"]  # type: ignore[attr-defined]
    return login


def me(gateway: Any, token: str) -> int:
    with gateway.client(Authorization=f"Bearer {token}") as client:
        return client.get("/api/v1/auth/me").status_code


def refresh(gateway: Any, token: str) -> Any:
    with gateway.client() as client:
        return client.post("/api/v1/auth/refresh", json={"refresh_token": token})


def seconds_until_refused(gateway: Any, token: str) -> float:
    began = time.monotonic()
    while me(gateway, token) != 401:
        assert time.monotonic() - began < 6
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_refresh_token_works_once_and_brings_the_next(gateway: Any, person: Any) -> None:
    first = person()
    second = refresh(gateway, first["refresh_token"])
    assert second.status_code == 200
    assert me(gateway, second.json()["access_token"]) == 200
    third = refresh(gateway, second.json()["refresh_token"])
    assert third.status_code == 200


def test_a_refresh_token_used_twice_ends_the_whole_session(gateway: Any, person: Any) -> None:
    first = person()
    other = person()
    second = refresh(gateway, first["refresh_token"]).json()
    stolen = refresh(gateway, first["refresh_token"])
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_token")
    assert refresh(gateway, second["refresh_token"]).status_code == 401
    assert seconds_until_refused(gateway, second["access_token"]) < 5
    assert me(gateway, other["access_token"]) == 200


def test_of_two_uses_at_the_same_moment_one_succeeds_and_the_session_dies(gateway: Any, person: Any) -> None:
    """Two windows that renew at once look like a thief and the owner: README, "Good to know"."""
    for _ in range(3):
        tokens = person()
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _, token=tokens["refresh_token"]: refresh(gateway, token), range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 401]
        (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert refresh(gateway, winner["refresh_token"]).status_code == 401
        assert seconds_until_refused(gateway, winner["access_token"]) < 5


def test_logging_out_ends_the_session_within_five_seconds(gateway: Any, start_gateway: Any, person: Any) -> None:
    another_process = start_gateway()
    tokens, other = person(), person()
    assert me(another_process, tokens["access_token"]) == 200
    with gateway.client(Authorization=f"Bearer {tokens['access_token']}") as client:
        assert client.post("/api/v1/auth/logout").status_code == 204
    assert seconds_until_refused(another_process, tokens["access_token"]) < 5
    assert refresh(gateway, tokens["refresh_token"]).status_code == 401
    assert me(gateway, other["access_token"]) == 200


def test_logging_out_everywhere_ends_all_of_them(gateway: Any, person: Any) -> None:
    tokens, other = person(), person()
    with gateway.client(Authorization=f"Bearer {tokens['access_token']}") as client:
        assert client.post("/api/v1/auth/logout", json={"everywhere": True}).status_code == 204
    assert seconds_until_refused(gateway, other["access_token"]) < 5


def test_deactivating_a_user_ends_their_access_within_five_seconds(gateway: Any, person: Any) -> None:
    tokens = person()
    assert me(gateway, tokens["access_token"]) == 200
    with gateway.client("admin") as client:
        assert client.patch(f"/api/v1/users/{person.id}", json={"active": False}).status_code == 200
    assert seconds_until_refused(gateway, tokens["access_token"]) < 5
    assert refresh(gateway, tokens["refresh_token"]).status_code == 401
    with gateway.client("admin") as client:
        client.patch(f"/api/v1/users/{person.id}", json={"active": True})
    assert me(gateway, tokens["access_token"]) == 401


def test_a_changed_role_is_effective_within_five_seconds_without_a_new_login(gateway: Any, person: Any) -> None:
    token = person()["access_token"]
    with gateway.client(Authorization=f"Bearer {token}") as client:
        assert client.get("/api/v1/audit").status_code == 403
        with gateway.client("admin") as admin:
            admin.patch(f"/api/v1/users/{person.id}", json={"roles": ["ops"]})
        began = time.monotonic()
        while client.get("/api/v1/audit").status_code != 200:
            assert time.monotonic() - began < 5
            time.sleep(0.1)


def test_a_new_password_ends_the_sessions_of_the_old_one(gateway: Any, person: Any) -> None:
    tokens = person()
    with gateway.client(Authorization=f"Bearer {tokens['access_token']}") as client:
        wrong = {"current_password": "wrong", "new_password": "quite another sentence"}
        assert client.post("/api/v1/auth/password", json=wrong).status_code == 401
        weak = {"current_password": PASSWORD, "new_password": "password123!"}
        assert client.post("/api/v1/auth/password", json=weak).status_code == 422
        right = {"current_password": PASSWORD, "new_password": "quite another sentence"}
        assert client.post("/api/v1/auth/password", json=right).status_code == 204
    assert seconds_until_refused(gateway, tokens["access_token"]) < 5
    assert "access_token" not in person()
    assert "access_token" in person("quite another sentence")


def test_when_the_session_store_is_away_nobody_is_let_in_on_an_old_answer(
    start_gateway: Any, postgres_templates: Any, fresh_echo: Any
) -> None:
    database = postgres_templates.create("gateway")
    gateway = start_gateway(database_url=postgres_templates.url("gateway", database))
    with gateway.client("buyer") as client:
        assert client.get("/api/v1/data/sales").status_code == 200
        postgres_templates.drop(database)
        began = time.monotonic()
        while (response := client.get("/api/v1/data/sales")).status_code == 200:
            assert time.monotonic() - began < 5
            time.sleep(0.1)
    assert (response.status_code, response.json()["code"]) == (503, "session_check_unavailable")
