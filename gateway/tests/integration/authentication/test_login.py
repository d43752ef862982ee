"""Logging in and staying logged in."""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher

ADMIN = ("admin@example.com", "correct horse battery")


def test_the_first_administrator_is_created_once(start_gateway: Any) -> None:
    first, second = start_gateway(), start_gateway(admin_email="other@example.com")
    assert first.login(*ADMIN).status_code == 200
    assert second.login("other@example.com", ADMIN[1]).status_code == 401
    with first.client("admin") as client:
        assert len(client.get("/api/v1/users").json()["items"]) == 1


def test_a_login_gives_tokens_that_work_and_say_little(gateway: Any) -> None:
    tokens = gateway.login("  ADMIN@example.com ", ADMIN[1]).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "iat", "nbf", "exp", "sub", "kind", "sid"}
    assert claims["exp"] - claims["iat"] == 900
    with gateway.client(Authorization=f"bearer {tokens['access_token']}") as client:
        me = client.get("/api/v1/auth/me").json()
    assert (me["name"], me["roles"], me["kind"]) == ("admin@example.com", ["admin"], "user")


def test_refusals_do_not_tell_whether_the_account_exists(gateway: Any) -> None:
    wrong = gateway.login(ADMIN[0], "wrong")
    unknown = gateway.login("nobody@example.com", "wrong")
    assert wrong.status_code == unknown.status_code == 401
    volatile = {"request_id", "trace_id"}
    assert {k: v for k, v in wrong.json().items() if k not in volatile} == {
        k: v for k, v in unknown.json().items() if k not in volatile
    }


def test_refusals_take_equally_long_whether_the_account_exists_or_not(start_gateway: Any) -> None:
    gateway = start_gateway()
    gateway.token("manager")

    def seconds(email: str) -> float:
        began = time.perf_counter()
        assert gateway.login(email, "wrong password").status_code == 401
        return time.perf_counter() - began

    seconds("warm@example.com")
    pairs = [(seconds("manager@example.com"), seconds(f"nobody-{n}@example.com")) for n in range(7)]
    known, unknown = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    assert 0.5 < known / unknown < 2.0


def test_guessing_is_throttled_for_known_and_unknown_accounts_alike(start_gateway: Any) -> None:
    gateway = start_gateway()
    gateway.token("ops")
    for email in ("guessed@example.com", "OPS@example.com"):
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(lambda _, email=email: gateway.login(email, "wrong").status_code, range(14)))
        assert seen.count(401) <= 8
        assert seen.count(429) >= 6
    throttled = gateway.login("ops@example.com", "an unguessable sentence")
    assert (throttled.status_code, throttled.json()["code"]) == (429, "login_throttled")
    assert 1 <= int(throttled.headers["retry-after"]) <= 300


def test_logging_in_rightly_is_not_counted(gateway: Any) -> None:
    with gateway.client("admin") as client:
        body = {"email": "often@example.com", "name": "x", "password": "an unguessable one", "roles": ["buyer"]}
        assert client.post("/api/v1/users", json=body).status_code == 201
    seen = [gateway.login("often@example.com", "an unguessable one").status_code for _ in range(12)]
    assert seen == [200] * 12


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"email": 1, "password": 2}',
        b'{"email": "a@b", "password": "\\u0000"}',
        b'{"email": "a\\u0000@b.c", "password": "x"}',
        b'{"email": "\\ud800@b.c", "password": "x"}',
        b'{"email": "a@b.c", "password": "\\ud800"}',
        b'{"email": "a@b.c", "password": "x", "roles": ["admin"]}',
        b'{"email": "a@b.c"}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"email": "%s", "password": "x"}' % (b"a" * 10_000),
        b'{"email": "a@b.c", "password": "%s"}' % (b"a" * 100_000),
        b"email=a&password=b",
    ],
)
def test_a_body_that_is_not_a_login_is_refused_politely(body: bytes, gateway: Any) -> None:
    with gateway.client() as client:
        response = client.post("/api/v1/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 401, 422}, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_passwords_and_tokens_are_in_no_answer_to_a_bad_request(gateway: Any) -> None:
    with gateway.client() as client:
        response = client.post("/api/v1/auth/login", json={"email": ["x"], "password": "hunter2hunter2"})
    assert response.status_code == 422
    assert "hunter2" not in response.text


def test_many_logins_at_once_are_all_answered(start_gateway: Any) -> None:
    gateway = start_gateway(password_hash_waiting=2)

    def one(number: int) -> int:
        return gateway.login(f"someone-{number}@example.com", "wrong").status_code

    with ThreadPoolExecutor(30) as pool:
        seen = list(pool.map(one, range(30)))
    assert set(seen) <= {401, 503}
    assert 503 in seen


def test_a_hash_with_old_parameters_is_replaced_at_login(gateway: Any) -> None:
    with gateway.client("admin") as client:
        body = {"email": "old@example.com", "name": "x", "password": "an unguessable one", "roles": ["buyer"]}
        client.post("/api/v1/users", json=body)
    outdated = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("an unguessable one")
    where = "WHERE email = 'old@example.com'"
    gateway.rows(f"UPDATE gateway.users SET password_hash = '{outdated}' {where} RETURNING 1")
    assert gateway.login("old@example.com", "wrong").status_code == 401
    assert gateway.rows(f"SELECT password_hash FROM gateway.users {where}") == [(outdated,)]
    assert gateway.login("old@example.com", "an unguessable one").status_code == 200
    ((replaced,),) = gateway.rows(f"SELECT password_hash FROM gateway.users {where}")
    assert replaced.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert gateway.login("old@example.com", "an unguessable one").status_code == 200


def test_who_has_no_password_is_refused_like_everybody_else(gateway: Any) -> None:
    with gateway.client("admin") as client:
        body = {"email": "invited@example.com", "name": "x", "roles": ["buyer"]}
        client.post("/api/v1/users", json=body)
    for password in ("", "an unguessable one"):
        refused = gateway.login("invited@example.com", password)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
