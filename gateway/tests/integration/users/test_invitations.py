"""People who choose their own first password."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

PASSWORD = "an unguessable sentence"


def invite(gateway: Any, **change: Any) -> Any:
    body = {"email": f"i{time.monotonic_ns()}@example.com", "name": "Invited", "roles": ["buyer"], **change}
    with gateway.client("admin") as client:
        return client.post("/api/v1/users", json=body)


def accept(gateway: Any, token: str, password: str = PASSWORD) -> Any:
    with gateway.client() as client:
        return client.post("/api/v1/auth/invitation", json={"token": token, "password": password})


def actions(gateway: Any, target: str) -> list[str]:
    with gateway.client("admin") as client:
        entries = client.get("/api/v1/audit", params={"limit": 200}).json()["items"]
    return [entry["action"] for entry in entries if entry["target"] == target]


def test_an_invited_person_chooses_a_password_and_logs_in(gateway: Any) -> None:
    created = invite(gateway)
    assert created.status_code == 201
    user, invitation = created.json(), created.json()["invitation"]
    assert (user["has_password"], invitation["link"]) == (False, None)
    left = datetime.fromisoformat(invitation["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=71, minutes=59) < left <= timedelta(hours=72)
    assert gateway.login(user["email"], PASSWORD).status_code == 401
    assert accept(gateway, invitation["token"]).status_code == 204
    assert gateway.login(user["email"], PASSWORD).status_code == 200
    assert actions(gateway, f"user:{user['id']}")[:2] == ["invitation.accepted", "user.created"]


def test_the_token_is_shown_once_and_stored_nowhere(gateway: Any) -> None:
    user = invite(gateway).json()
    token = user["invitation"]["token"]
    with gateway.client("admin") as client:
        assert token not in client.get(f"/api/v1/users/{user['id']}").text + client.get("/api/v1/audit").text
    stored = gateway.rows("SELECT t::text FROM gateway.one_time_tokens t UNION SELECT u::text FROM gateway.users u")
    assert stored
    assert not any(token in row[0] for row in stored)


def test_the_link_leads_to_the_configured_page(start_gateway: Any) -> None:
    gateway = start_gateway(account_url="https://shop.example.com/account")
    invitation = invite(gateway).json()["invitation"]
    assert invitation["link"] == f"https://shop.example.com/account#invitation={invitation['token']}"


def test_unknown_used_replaced_and_expired_tokens_are_refused_in_the_same_words(gateway: Any) -> None:
    used = invite(gateway).json()["invitation"]["token"]
    assert accept(gateway, used).status_code == 204
    again = invite(gateway).json()
    with gateway.client("admin") as client:
        newer = client.post(f"/api/v1/users/{again['id']}/invitation")
    assert newer.status_code == 201
    expired = invite(gateway).json()
    gateway.rows(f"UPDATE gateway.one_time_tokens SET expires_at = now() WHERE user_id = '{expired['id']}'")
    closed = invite(gateway).json()
    with gateway.client("admin") as client:
        client.patch(f"/api/v1/users/{closed['id']}", json={"active": False})
    tokens = [used, again["invitation"]["token"], expired["invitation"]["token"], closed["invitation"]["token"], "x"]
    answers = [accept(gateway, token) for token in tokens]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["code"] for answer in answers} == {"link_not_valid"}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert accept(gateway, newer.json()["token"]).status_code == 204


def test_a_weak_password_leaves_the_invitation_usable(gateway: Any) -> None:
    user = invite(gateway, name="Maria Sidorova").json()
    token = user["invitation"]["token"]
    for weak in ("short", "Password123!", "maria.sidorova", user["email"]):
        refused = accept(gateway, token, weak)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/password")
        assert weak not in refused.text
    assert accept(gateway, token).status_code == 204


def test_of_many_at_once_one_accepts(gateway: Any) -> None:
    token = invite(gateway).json()["invitation"]["token"]
    with ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(lambda _: accept(gateway, token).status_code, range(6)))
    assert sorted(seen) == [204, 404, 404, 404, 404, 404]


def test_a_token_for_one_purpose_does_not_serve_another(gateway: Any) -> None:
    user = invite(gateway).json()
    token = user["invitation"]["token"]
    with gateway.client() as client:
        body = {"token": token, "new_password": PASSWORD}
        assert client.post("/api/v1/auth/password-reset/confirmation", json=body).status_code == 404
    assert accept(gateway, token).status_code == 204
    with gateway.client("admin") as client:
        reset = client.post(f"/api/v1/users/{user['id']}/password-reset").json()["token"]
    assert accept(gateway, reset).status_code == 404


def test_who_has_a_password_is_not_invited_again(gateway: Any) -> None:
    user = invite(gateway, password=PASSWORD).json()
    assert user["invitation"] is None
    with gateway.client("admin") as client:
        refused = client.post(f"/api/v1/users/{user['id']}/invitation")
        assert (refused.status_code, refused.json()["code"]) == (409, "link_not_possible")
        client.patch(f"/api/v1/users/{user['id']}", json={"active": False})
        assert client.post(f"/api/v1/users/{user['id']}/password-reset").status_code == 409
        unknown = client.post("/api/v1/users/00000000-0000-7000-8000-000000000000/invitation")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "user_not_found")
        for path in ("invitation", "password-reset"):
            assert client.post(f"/api/v1/users/not-an-id/{path}").status_code == 422
    for role in ("manager", "buyer", "ops"):
        with gateway.client(role) as client:
            for path in ("invitation", "password-reset"):
                assert client.post(f"/api/v1/users/{user['id']}/{path}").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"token": 1, "password": "x"}',
        b'{"token": "", "password": "an unguessable sentence"}',
        b'{"token": "\\ud800", "password": "an unguessable sentence"}',
        b'{"token": "a\\u0000b", "password": "an unguessable sentence"}',
        b'{"token": "x", "password": "an unguessable sentence", "roles": ["admin"]}',
        b'{"token": "%s", "password": "an unguessable sentence"}' % (b"a" * 5000),
        b'{"token": "x", "password": "%s"}' % (b"a" * 257),
    ],
)
def test_a_body_that_accepts_nothing_is_refused_politely(body: bytes, gateway: Any) -> None:
    with gateway.client() as client:
        response = client.post("/api/v1/auth/invitation", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 404, 422}, response.text
    assert response.headers["content-type"] == "application/problem+json"
