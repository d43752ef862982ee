"""New passwords by mail, through a real SMTP server."""

import base64
import re
import socket
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

PASSWORD, NEW = "an unguessable sentence", "quite another sentence"
PAGE = "https://shop.example.com/account"


class Mailbox:
    """An SMTP server that keeps what it gets; while `refusing` it says so to every message."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], EmailMessage]] = []
        self.refusing = 0
        self.refused = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusing:
            self.refusing -= 1
            self.refused += 1
            return "451 try again later"
        message: Any = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append((envelope.rcpt_tos, message))
        return "250 taken"

    def wait(self, address: str) -> EmailMessage:
        until = time.monotonic() + 15
        while not (found := [message for to, message in self.messages if to == [address]]):
            assert time.monotonic() < until, "no mail came"
            time.sleep(0.05)
        return found[-1]


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.port = port  # type: ignore[attr-defined]
    yield box
    controller.stop()


@pytest.fixture(scope="module")
def mailing(start_gateway: Any, mailbox: Mailbox) -> Any:
    url = f"smtp://127.0.0.1:{mailbox.port}"  # type: ignore[attr-defined]
    return start_gateway(smtp_url=url, account_url=PAGE, mail_from="Snab <snab@example.com>", mail_check_seconds=0.1)


def person(gateway: Any, **change: Any) -> Any:
    body = {"email": f"r{time.monotonic_ns()}@example.com", "name": "R", "password": PASSWORD, "roles": ["buyer"]}
    with gateway.client("admin") as client:
        created = client.post("/api/v1/users", json={**body, **change})
    assert created.status_code == 201, created.text
    return created.json()


def ask(gateway: Any, email: str) -> Any:
    with gateway.client() as client:
        return client.post("/api/v1/auth/password-reset", json={"email": email})


def confirm(gateway: Any, token: str, password: str = NEW) -> Any:
    with gateway.client() as client:
        body = {"token": token, "new_password": password}
        return client.post("/api/v1/auth/password-reset/confirmation", json=body)


def outcome(gateway: Any, email: str) -> dict[str, Any]:
    """The audit entry that tells what became of a request."""
    until = time.monotonic() + 15
    with gateway.client("admin") as client:
        while True:
            for entry in client.get("/api/v1/audit", params={"limit": 100}).json()["items"]:
                if entry["target"] == f"email:{email}" and entry["action"] in {
                    "password_reset.sent",
                    "password_reset.not_sent",
                }:
                    return entry
            assert time.monotonic() < until, "no outcome in the audit trail"
            time.sleep(0.1)


def token_in(message: EmailMessage) -> str:
    found = re.search(rf"{re.escape(PAGE)}#password-reset=([A-Za-z0-9_-]{{43}})\s", message.get_content())
    assert found is not None, message.get_content()
    return found[1]


def test_the_mail_lets_a_person_choose_a_new_password_once(mailing: Any, mailbox: Mailbox) -> None:
    user = person(mailing)
    session = mailing.login(user["email"], PASSWORD).json()
    assert ask(mailing, f" {user['email'].upper()} ").status_code == 202
    message = mailbox.wait(user["email"])
    assert (message["from"], message["to"]) == ("Snab <snab@example.com>", user["email"])
    assert message["subject"] == "Новый пароль / New password"
    for words in ("Здравствуйте", "прежний пароль остаётся в силе", "the current password stays as it is"):
        assert words in message.get_content()
    token = token_in(message)
    assert mailing.login(user["email"], PASSWORD).status_code == 200
    weak = confirm(mailing, token, "password12345")
    assert (weak.status_code, weak.json()["errors"][0]["pointer"]) == (422, "/new_password")
    assert confirm(mailing, token).status_code == 204
    again = confirm(mailing, token)
    assert (again.status_code, again.json()["code"]) == (404, "link_not_valid")
    assert mailing.login(user["email"], PASSWORD).status_code == 401
    assert mailing.login(user["email"], NEW).status_code == 200
    with mailing.client() as client:
        refreshed = client.post("/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert refreshed.status_code == 401
    assert outcome(mailing, user["email"])["action"] == "password_reset.sent"


def test_the_token_of_a_mail_is_stored_nowhere(mailing: Any, mailbox: Mailbox) -> None:
    user = person(mailing)
    ask(mailing, user["email"])
    token = token_in(mailbox.wait(user["email"]))
    outcome(mailing, user["email"])
    stored = mailing.rows(
        "SELECT t::text FROM gateway.one_time_tokens t UNION SELECT a::text FROM gateway.audit_entries a"
    )
    assert stored
    assert not any(token in row[0] for row in stored)
    assert not any(base64.urlsafe_b64decode(token + "=").hex() in row[0] for row in stored)


def test_nobody_can_tell_from_the_answer_who_has_an_account(mailing: Any, mailbox: Mailbox) -> None:
    known, closed, invited = person(mailing), person(mailing), person(mailing, password=None)
    with mailing.client("admin") as client:
        client.patch(f"/api/v1/users/{closed['id']}", json={"active": False})
    addresses = [known["email"], closed["email"], invited["email"], "nobody@example.com"]
    answers = [ask(mailing, address) for address in addresses]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert {frozenset(answer.headers) for answer in answers} == {frozenset(answers[0].headers)}
    assert [outcome(mailing, address)["action"] for address in addresses] == [
        "password_reset.sent",
        *["password_reset.not_sent"] * 3,
    ]
    assert {to[0] for to, _ in mailbox.messages} & set(addresses) == {known["email"]}


def test_the_request_does_the_same_work_for_known_and_unknown_addresses(mailing: Any) -> None:
    """By what is written before the answer, not by the clock: the same rows, whoever the address belongs to."""
    known = person(mailing)["email"]
    for address in (known, f"unknown-{time.monotonic_ns()}@example.com"):
        ask(mailing, address)
        written = mailing.rows(
            f"SELECT action, succeeded, details::text FROM gateway.audit_entries"
            f" WHERE target = 'email:{address}' AND action = 'password_reset.requested'"
        )
        assert written == [("password_reset.requested", True, "{}")]


def test_a_mail_that_is_not_taken_is_tried_again_with_a_new_token(mailing: Any, mailbox: Mailbox) -> None:
    user = person(mailing)
    mailbox.refusing = 1
    ask(mailing, user["email"])
    until = time.monotonic() + 10
    while mailbox.refusing or not mailing.rows(
        f"SELECT 1 FROM gateway.password_reset_requests WHERE email = '{user['email']}' AND due_at < now() + interval '20 s'"
    ):
        assert time.monotonic() < until
        time.sleep(0.05)
    mailing.rows("UPDATE gateway.password_reset_requests SET due_at = now() RETURNING 1")
    assert confirm(mailing, token_in(mailbox.wait(user["email"]))).status_code == 204
    assert outcome(mailing, user["email"])["action"] == "password_reset.sent"


def test_a_mail_server_that_never_takes_it_is_given_up_and_told(mailing: Any, mailbox: Mailbox) -> None:
    user = person(mailing)
    mailbox.refusing = 1000  # whatever else is still on its way
    mailing.rows(
        "INSERT INTO gateway.password_reset_requests (id, email, address, attempts)"
        f" VALUES (gen_random_uuid(), '{user['email']}', '127.0.0.1', 5) RETURNING 1"
    )
    told = outcome(mailing, user["email"])
    mailbox.refusing = 0
    assert (told["action"], told["succeeded"]) == ("password_reset.not_sent", False)
    assert "after 6 attempts" in told["details"]["reason"]
    assert mailing.rows(f"SELECT 1 FROM gateway.password_reset_requests WHERE email = '{user['email']}'") == []


def test_too_many_requests_are_dropped_without_a_word(mailing: Any, mailbox: Mailbox) -> None:
    user = person(mailing)
    assert {ask(mailing, user["email"]).status_code for _ in range(12)} == {202}
    outcome(mailing, user["email"])
    assert 1 <= len([1 for to, _ in mailbox.messages if to == [user["email"]]]) <= 5
    throttled = mailing.rows(
        f"SELECT count(*) FROM gateway.audit_entries WHERE target = 'email:{user['email']}'"
        " AND action = 'password_reset.throttled'"
    )
    assert throttled[0][0] >= 6


def test_without_a_mail_server_the_administrator_is_told_what_to_do(
    start_gateway: Any, postgres_templates: Any
) -> None:
    database = postgres_templates.create("gateway")
    gateway = start_gateway(database_url=postgres_templates.url("gateway", database), mail_check_seconds=0.1)
    user = person(gateway)
    assert ask(gateway, user["email"]).status_code == 202
    told = outcome(gateway, user["email"])
    assert told["action"] == "password_reset.not_sent"
    assert "POST /api/v1/users/{id}/password-reset" in told["details"]["reason"]
    with gateway.client("admin") as client:
        link = client.post(f"/api/v1/users/{user['id']}/password-reset")
    assert link.status_code == 201
    assert confirm(gateway, link.json()["token"]).status_code == 204
    assert gateway.login(user["email"], NEW).status_code == 200
    gateway.stop()
    postgres_templates.drop(database)


def test_a_password_set_otherwise_ends_the_links(mailing: Any) -> None:
    user = person(mailing)
    with mailing.client("admin") as client:
        token = client.post(f"/api/v1/users/{user['id']}/password-reset").json()["token"]
        client.patch(f"/api/v1/users/{user['id']}", json={"password": "a third sentence"})
    assert confirm(mailing, token).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", b""),
        ("", b"[]"),
        ("", b'{"email": 1}'),
        ("", b'{"email": "nobody"}'),
        ("", b'{"email": "a\\u0000@b.c"}'),
        ("", b'{"email": "\\ud800@b.c"}'),
        ("", b'{"email": "a@b.c\\r\\nBcc: x@y.z"}'),
        ("", b'{"email": "%s@example.com"}' % (b"a" * 300)),
        ("", b'{"email": "a@example.com", "token": "x"}'),
        ("/confirmation", b"{}"),
        ("/confirmation", b'{"token": "x"}'),
        ("/confirmation", b'{"token": "x", "new_password": 1}'),
        ("/confirmation", b'{"token": "\\ud800", "new_password": "an unguessable one"}'),
        ("/confirmation", b'{"token": "x", "new_password": "%s"}' % (b"a" * 300)),
    ],
)
def test_bodies_that_ask_for_nothing_are_refused_politely(path: str, body: bytes, mailing: Any) -> None:
    with mailing.client() as client:
        headers = {"Content-Type": "application/json"}
        response = client.post(f"/api/v1/auth/password-reset{path}", content=body, headers=headers)
    assert response.status_code in {400, 422}, response.text
    assert response.headers["content-type"] == "application/problem+json"
