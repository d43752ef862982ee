"""Keys for programs."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


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


def test_a_key_says_what_it_is_limited_to(gateway: Any) -> None:
    created = create(
        gateway,
        "buyer",
        scopes=["gateway:read", "data:read"],
        scope={"suppliers": ["ACME"]},
        requests_per_day=5000,
    ).json()
    shown = created["api_key"]
    assert (shown["scopes"], shown["requests_per_day"]) == (["data:read", "gateway:read"], 5000)
    assert shown["scope"] == {"categories": None, "suppliers": ["ACME"], "warehouses": None}
    with gateway.client(**{"X-API-Key": created["key"]}) as client:
        me = client.get("/api/v1/auth/me").json()
    assert (me["scopes"], me["requests_per_day"], me["scope"]) == (
        shown["scopes"],
        shown["requests_per_day"],
        shown["scope"],
    )


def test_a_key_without_terms_is_limited_like_its_owner(gateway: Any) -> None:
    with gateway.client(**{"X-API-Key": create(gateway, "buyer").json()["key"]}) as client:
        me = client.get("/api/v1/auth/me").json()
    assert (me["scopes"], me["requests_per_day"], me["scope"]) == (None, None, None)


def test_a_key_sees_no_more_of_the_company_than_its_owner_does_now(gateway: Any) -> None:
    with gateway.client("admin") as client:
        body = {"email": "part@example.com", "name": "x", "password": "an unguessable one", "roles": ["buyer"]}
        user = client.post("/api/v1/users", json={**body, "scope": {"suppliers": ["A", "B"]}}).json()
    token = gateway.login("part@example.com", "an unguessable one").json()["access_token"]
    with gateway.client(Authorization=f"Bearer {token}") as client:
        terms = {"name": "k", "scope": {"suppliers": ["B", "C"], "warehouses": ["W1"]}}
        key = client.post("/api/v1/api-keys", json=terms).json()["key"]
    with gateway.client(**{"X-API-Key": key}) as client, gateway.client("admin") as admin:
        assert client.get("/api/v1/auth/me").json()["scope"] == {
            "categories": None,
            "suppliers": ["B"],
            "warehouses": ["W1"],
        }
        admin.patch(f"/api/v1/users/{user['id']}", json={"scope": {"suppliers": ["A"]}})
        began = time.monotonic()
        while client.get("/api/v1/auth/me").json()["scope"]["suppliers"] != []:
            assert time.monotonic() - began < 5
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"scopes": ["everything"]}, "/scopes"),
        ({"scopes": ["data:delete"]}, "/scopes"),
        ({"scopes": ["nowhere:read"]}, "/scopes"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": "data:read"}, "/scopes"),
        ({"requests_per_day": 0}, "/requests_per_day"),
        ({"requests_per_day": -1}, "/requests_per_day"),
        ({"requests_per_day": 10**12}, "/requests_per_day"),
        ({"requests_per_day": "many"}, "/requests_per_day"),
        ({"scope": {"suppliers": ["\t"]}}, "/scope"),
        ({"scope": {"shops": []}}, "/scope/shops"),
        ({"name": ""}, "/name"),
        ({"roles": ["admin"]}, "/roles"),
        ({"owner": "x"}, "/owner"),
    ],
)
def test_terms_no_key_can_have_are_refused_at_creation_and_change(
    change: dict[str, Any], pointer: str, gateway: Any
) -> None:
    key = create(gateway, "buyer").json()["api_key"]
    with gateway.client("buyer") as client:
        for response in (
            client.post("/api/v1/api-keys", json={"name": "bad", **change}),
            client.patch(f"/api/v1/api-keys/{key['id']}", json=change),
        ):
            assert response.status_code == 422, response.text
            assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_a_key_that_may_administer_cannot_be_limited_to_a_part(gateway: Any) -> None:
    limited = {"scope": {"warehouses": ["W1"]}}
    assert create(gateway, "admin", **limited).json()["code"] == "api_key_terms"
    assert create(gateway, "admin", **limited, scopes=["gateway:write"]).status_code == 422
    assert create(gateway, "admin", **limited, scopes=["data:read", "data:write"]).status_code == 201


def test_a_changed_key_keeps_what_was_not_mentioned_and_null_lifts_a_limit(gateway: Any) -> None:
    key = create(gateway, "buyer", scopes=["data:read"], requests_per_day=7, scope={"suppliers": ["A"]}).json()
    path = f"/api/v1/api-keys/{key['api_key']['id']}"
    with gateway.client("buyer") as client:
        renamed = client.patch(path, json={"name": "nightly import"}).json()
        assert renamed == {**key["api_key"], "name": "nightly import"}
        lifted = client.patch(path, json={"scopes": None, "requests_per_day": None, "scope": None}).json()
        assert (lifted["scopes"], lifted["requests_per_day"], lifted["scope"]) == (None, None, None)
        assert (lifted["name"], lifted["roles"]) == ("nightly import", ["buyer"])
        assert client.patch(path, json={"name": None}).status_code == 422
        assert client.patch("/api/v1/api-keys/not-an-id", json={"name": "x"}).status_code == 422
    with gateway.client("ops") as client:
        assert client.patch(path, json={"name": "mine"}).json()["code"] == "api_key_not_found"


def rotate(gateway: Any, key_id: str, **body: Any) -> Any:
    with gateway.client("buyer") as client:
        return client.post(f"/api/v1/api-keys/{key_id}/rotation", json=body)


def test_after_a_rotation_both_secrets_work_for_the_grace_period_only(gateway: Any) -> None:
    first = create(gateway, "buyer").json()
    rotated = rotate(gateway, first["api_key"]["id"], grace_seconds=2)
    assert rotated.status_code == 200
    second = rotated.json()
    assert (second["api_key"]["id"], second["api_key"]["prefix"]) == (
        first["api_key"]["id"],
        first["api_key"]["prefix"],
    )
    assert second["key"] != first["key"]
    assert status(gateway, first["key"]) == status(gateway, second["key"]) == 200
    began = time.monotonic()
    while status(gateway, first["key"]) != 401:
        assert time.monotonic() - began < 7
        time.sleep(0.1)
    assert status(gateway, second["key"]) == 200


def test_without_a_word_the_old_secret_works_for_a_day(gateway: Any) -> None:
    first = create(gateway, "buyer").json()
    with gateway.client("buyer") as client:
        second = client.post(f"/api/v1/api-keys/{first['api_key']['id']}/rotation").json()
    until = datetime.fromisoformat(second["api_key"]["previous_valid_until"])
    assert timedelta(hours=23, minutes=59) < until - datetime.now(UTC) <= timedelta(days=1)


def test_rotating_again_ends_the_oldest_secret_and_revoking_ends_all(gateway: Any) -> None:
    first = create(gateway, "buyer").json()
    key_id = first["api_key"]["id"]
    second, third = rotate(gateway, key_id).json(), rotate(gateway, key_id).json()
    assert [status(gateway, key["key"]) for key in (first, second, third)] == [401, 200, 200]
    with gateway.client("buyer") as client:
        client.delete(f"/api/v1/api-keys/{key_id}")
    began = time.monotonic()
    while [status(gateway, key["key"]) for key in (second, third)] != [401, 401]:
        assert time.monotonic() - began < 5
        time.sleep(0.1)
    assert rotate(gateway, key_id).json()["code"] == "api_key_not_found"


@pytest.mark.parametrize("grace", [-1, 604_801, "a day", None, 1.5])
def test_a_grace_period_beyond_a_week_or_none_at_all_is_refused(grace: Any, gateway: Any) -> None:
    key = create(gateway, "buyer").json()["api_key"]
    response = rotate(gateway, key["id"], grace_seconds=grace)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/grace_seconds"]


def test_only_the_owner_in_person_rotates(gateway: Any) -> None:
    created = create(gateway, "buyer").json()
    path = f"/api/v1/api-keys/{created['api_key']['id']}/rotation"
    for role in ("ops", "admin"):
        with gateway.client(role) as client:
            assert client.post(path).json()["code"] == "api_key_not_found"
    with gateway.client(**{"X-API-Key": created["key"]}) as client:
        assert client.post(path).json()["code"] == "person_needed"


def test_an_administrator_sees_and_revokes_all_keys_of_a_user(gateway: Any) -> None:
    with gateway.client("admin") as client:
        body = {"email": "leaver@example.com", "name": "x", "password": "an unguessable one", "roles": ["buyer"]}
        user = client.post("/api/v1/users", json=body).json()
    token = gateway.login("leaver@example.com", "an unguessable one").json()["access_token"]
    with gateway.client(Authorization=f"Bearer {token}") as client:
        made = [client.post("/api/v1/api-keys", json={"name": f"k{n}"}).json() for n in range(3)]
        assert client.get(f"/api/v1/users/{user['id']}/api-keys").status_code == 403
    assert [status(gateway, one["key"]) for one in made] == [200] * 3
    path = f"/api/v1/users/{user['id']}/api-keys"
    with gateway.client("admin") as client:
        listed = client.get(path, params={"limit": 2}).json()
        assert [one["name"] for one in listed["items"]] == ["k2", "k1"]
        assert listed["next_cursor"] is not None
        assert client.delete(path).status_code == 204
        assert client.get(path).json()["items"] == []
    began = time.monotonic()
    while [status(gateway, one["key"]) for one in made] != [401] * 3:
        assert time.monotonic() - began < 5
        time.sleep(0.1)


def test_the_keys_of_nobody_are_a_404(gateway: Any) -> None:
    with gateway.client("admin") as client:
        for method in ("GET", "DELETE"):
            unknown = client.request(method, "/api/v1/users/00000000-0000-7000-8000-000000000000/api-keys")
            assert (unknown.status_code, unknown.json()["code"]) == (404, "api_key_owner_not_found")
            assert client.request(method, "/api/v1/users/not-an-id/api-keys").status_code == 422
