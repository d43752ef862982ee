"""Logging in with a real OpenID provider (npm: oidc-provider), started by these tests."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

FOLDER = Path(__file__).parent / "provider"
BACK = "https://procurement.example.com/api/v1/auth/oidc/callback"
SECRET = "a secret: with + signs"
PASSWORD = "an unguessable sentence"
PEOPLE = {
    "anna": {"email": "Anna@example.com", "email_verified": True, "name": "Anna Petrova", "groups": ["purchasing"]},
    "boris": {"email": "boris@example.com", "email_verified": True, "name": "Boris", "groups": ["cooks"]},
    "clara": {"email": "clara@example.com", "email_verified": False, "name": "Clara", "groups": ["purchasing"]},
    "dmitri": {"email": "dmitri@example.com", "email_verified": True, "name": "Dmitri", "groups": []},
    "dmitri2": {"email": "dmitri@example.com", "email_verified": True, "name": "Dmitri", "groups": ["purchasing"]},
    "elena": {"email": "elena@example.com", "email_verified": True, "groups": ["purchasing", "on-call"]},
    "fedor": {"email": "fedor@example.com", "email_verified": True, "name": "Fedor", "groups": ["purchasing"]},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def start_provider() -> Iterator[Callable[[bool], str]]:
    """`start_provider(claims_in_id_token)` gives the issuer."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None or not (FOLDER / "node_modules" / "oidc-provider").exists():
        pytest.skip(f"no OpenID provider: install node, then run `npm ci --prefix {FOLDER.relative_to(Path.cwd())}`")
    started: list[subprocess.Popen[str]] = []

    def start(claims_in_id_token: bool) -> str:
        port = free_port()
        arguments = [str(port), BACK, json.dumps(PEOPLE), "yes" if claims_in_id_token else "no"]
        process = subprocess.Popen(
            [node, "provider.mjs", *arguments], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def with_provider(start_gateway: Any, issuer: str, **settings: Any) -> Any:
    return start_gateway(
        oidc_issuer=issuer,
        oidc_client_id="procurement",
        oidc_client_secret=SECRET,
        oidc_redirect_url=BACK,
        oidc_roles={"purchasing": ["buyer"], "on-call": ["ops"]},
        **settings,
    )


@pytest.fixture(scope="module", params=[True, False], ids=["claims in the ID token", "claims at the userinfo endpoint"])
def gateway(
    request: pytest.FixtureRequest, start_provider: Any, start_gateway: Any, postgres_templates: Any
) -> Iterator[Any]:
    """With a database of its own: people are known by issuer and subject."""
    database = postgres_templates.create("gateway")
    url = postgres_templates.url("gateway", database)
    started = with_provider(start_gateway, start_provider(request.param), database_url=url)
    yield started
    started.stop()
    postgres_templates.drop(database)


def begin(gateway: Any, **query: str) -> str:
    """Where the browser is sent."""
    with gateway.client() as client:
        answer = client.get("/api/v1/auth/oidc/login", params=query)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def at_the_provider(url: str, name: str) -> dict[str, str]:
    """A browser that logs in there as `name` and agrees; what it brings back to us."""
    with httpx.Client(timeout=20, trust_env=False) as browser:
        answer = browser.get(url)
        for _ in range(12):
            if answer.is_redirect:
                target = str(answer.next_request.url) if answer.next_request else ""
                if target.startswith(BACK):
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                answer = browser.get(target)
                continue
            assert answer.status_code == 200, answer.text
            action = re.search(r'action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert action is not None, answer.text
            assert prompt is not None, answer.text
            form = {"prompt": prompt[1], "login": name, "password": "x"}
            answer = browser.post(str(answer.url.join(action[1])), data=form)
    raise AssertionError("the provider never sent the browser back")


def back(gateway: Any, brought: dict[str, str]) -> httpx.Response:
    with gateway.client() as client:
        return client.get("/api/v1/auth/oidc/callback", params=brought)


def log_in(gateway: Any, name: str) -> httpx.Response:
    return back(gateway, at_the_provider(begin(gateway), name))


def me(gateway: Any, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    with gateway.client(Authorization=f"Bearer {answer.json()['access_token']}") as client:
        return client.get("/api/v1/auth/me").json()


def test_the_browser_is_sent_with_everything_a_safe_login_needs(gateway: Any) -> None:
    first, second = (parse_qs(urlsplit(begin(gateway)).query) for _ in range(2))
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert (first["client_id"], first["redirect_uri"]) == (["procurement"], [BACK])
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


def test_somebody_new_gets_an_account_with_the_roles_of_their_groups(gateway: Any) -> None:
    answer = log_in(gateway, "anna")
    assert answer.headers["cache-control"] == "no-store"
    who = me(gateway, answer)
    assert (who["name"], who["roles"], who["kind"]) == ("anna@example.com", ["buyer"], "user")
    again = me(gateway, log_in(gateway, "anna"))
    assert again["subject"] == who["subject"]
    with gateway.client() as client:
        refreshed = client.post("/api/v1/auth/refresh", json={"refresh_token": answer.json()["refresh_token"]})
    assert refreshed.status_code == 200
    assert gateway.login("anna@example.com", "").status_code == 401


def test_several_groups_give_all_their_roles_and_changes_are_followed(gateway: Any) -> None:
    who = me(gateway, log_in(gateway, "elena"))
    assert who["roles"] == ["buyer", "ops"]
    with gateway.client("admin") as client:
        client.patch(f"/api/v1/users/{who['subject']}", json={"roles": ["manager"]})
    assert me(gateway, log_in(gateway, "elena"))["roles"] == ["buyer", "ops"]


def test_somebody_of_no_known_group_is_refused(gateway: Any) -> None:
    refused = log_in(gateway, "boris")
    assert (refused.status_code, refused.json()["code"]) == (401, "oidc_refused")
    assert "none of your groups" in refused.json()["detail"]
    with gateway.client("admin") as client:
        assert "boris@example.com" not in client.get("/api/v1/users", params={"limit": 200}).text


def test_an_address_nobody_verified_is_refused(gateway: Any) -> None:
    refused = log_in(gateway, "clara")
    assert (refused.status_code, refused.json()["code"]) == (401, "oidc_refused")
    assert "not verified" in refused.json()["detail"]


def test_an_existing_user_is_recognised_by_the_address_once_and_keeps_roles_given_here(gateway: Any) -> None:
    with gateway.client("admin") as client:
        body = {"email": "dmitri@example.com", "name": "D", "password": PASSWORD, "roles": ["manager"]}
        client.post("/api/v1/users", json=body)
    first = me(gateway, log_in(gateway, "dmitri"))
    assert first["roles"] == ["manager"]
    assert gateway.login("dmitri@example.com", PASSWORD).status_code == 200
    somebody_else = log_in(gateway, "dmitri2")
    assert (somebody_else.status_code, somebody_else.json()["code"]) == (401, "oidc_refused")
    assert "another account" in somebody_else.json()["detail"]


def test_a_closed_account_stays_closed(gateway: Any) -> None:
    who = me(gateway, log_in(gateway, "fedor"))
    with gateway.client("admin") as client:
        client.patch(f"/api/v1/users/{who['subject']}", json={"active": False})
        refused = log_in(gateway, "fedor")
        client.patch(f"/api/v1/users/{who['subject']}", json={"active": True})
    assert (refused.status_code, refused.json()["code"]) == (401, "oidc_refused")


def test_a_code_and_a_state_work_once(gateway: Any) -> None:
    brought = at_the_provider(begin(gateway), "anna")
    assert back(gateway, brought).status_code == 200
    replayed = back(gateway, brought)
    assert (replayed.status_code, replayed.json()["code"]) == (422, "oidc_state")
    fresh_state = parse_qs(urlsplit(begin(gateway)).query)["state"][0]
    stolen_code = back(gateway, {**brought, "state": fresh_state})
    assert (stolen_code.status_code, stolen_code.json()["code"]) == (401, "oidc_refused")


def test_a_code_injected_into_another_login_is_refused(gateway: Any) -> None:
    victim = at_the_provider(begin(gateway), "anna")
    own = parse_qs(urlsplit(begin(gateway)).query)["state"][0]
    injected = back(gateway, {**victim, "state": own})
    assert (injected.status_code, injected.json()["code"]) == (401, "oidc_refused")


@pytest.mark.parametrize("state", ["x" * 43, "", "x" * 201, "a b", "' OR 1=1 --"])
def test_a_state_we_never_gave_is_refused(state: str, gateway: Any) -> None:
    refused = back(gateway, {"state": state, "code": "x"})
    assert refused.status_code in {400, 422}
    assert refused.headers["content-type"] == "application/problem+json"


def test_an_old_state_is_refused(gateway: Any) -> None:
    brought = at_the_provider(begin(gateway), "anna")
    gateway.rows("UPDATE gateway.oidc_logins SET expires_at = now() RETURNING 1")
    assert back(gateway, brought).json()["code"] == "oidc_state"


def test_who_changed_their_mind_at_the_provider_is_not_let_in(gateway: Any) -> None:
    state = parse_qs(urlsplit(begin(gateway)).query)["state"][0]
    refused = back(gateway, {"state": state, "error": "access_denied", "error_description": "no"})
    assert (refused.status_code, refused.json()["code"]) == (401, "oidc_refused")


def test_the_answer_of_another_provider_is_refused(gateway: Any) -> None:
    brought = at_the_provider(begin(gateway), "anna")
    assert brought["iss"] == gateway.settings.oidc_issuer
    refused = back(gateway, {**brought, "iss": "https://evil.example.com"})
    assert (refused.status_code, refused.json()["code"]) == (401, "oidc_refused")
    brought = at_the_provider(begin(gateway), "anna")
    del brought["iss"]
    assert back(gateway, brought).json()["code"] == "oidc_refused"


def test_the_binding_comes_back_so_that_a_page_knows_its_own_login(gateway: Any) -> None:
    answer = back(gateway, at_the_provider(begin(gateway, binding="mark-123"), "anna"))
    assert answer.json()["binding"] == "mark-123"
    with gateway.client() as client:
        assert client.get("/api/v1/auth/oidc/login", params={"binding": "<script>"}).status_code == 422


def test_the_state_is_stored_as_a_hash_and_failures_are_audited(gateway: Any) -> None:
    state = parse_qs(urlsplit(begin(gateway)).query)["state"][0]
    assert not any(state in row[0] for row in gateway.rows("SELECT o::text FROM gateway.oidc_logins o"))
    back(gateway, {"state": state, "error": "access_denied"})
    with gateway.client("admin") as client:
        entries = client.get("/api/v1/audit", params={"action": "login.failed"}).json()["items"]
    assert entries[0]["details"]["provider_error"] == "access_denied"


def test_the_tokens_go_to_the_configured_page_in_the_fragment(start_provider: Any, start_gateway: Any) -> None:
    page = "https://procurement.example.com/welcome"
    gateway = with_provider(start_gateway, start_provider(True), oidc_result_url=page)
    answer = log_in(gateway, "anna")
    assert answer.status_code == 303
    place = urlsplit(answer.headers["location"])
    assert (f"{place.scheme}://{place.netloc}{place.path}", place.query) == (page, "")
    given = parse_qs(place.fragment)
    with gateway.client(Authorization=f"Bearer {given['access_token'][0]}") as client:
        assert client.get("/api/v1/auth/me").json()["name"] == "anna@example.com"


def test_a_provider_that_is_away_is_told_as_such_and_in_time(start_gateway: Any) -> None:
    gateway = with_provider(start_gateway, f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with gateway.client() as client:
        answer = client.get("/api/v1/auth/oidc/login")
    assert (answer.status_code, answer.json()["code"]) == (502, "oidc_unavailable")
    assert time.monotonic() - began < 10


def test_without_a_provider_the_routes_say_so(start_gateway: Any) -> None:
    with start_gateway().client() as client:
        for path in ("login", "callback?state=x&code=y"):
            answer = client.get(f"/api/v1/auth/oidc/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "oidc_not_configured")
