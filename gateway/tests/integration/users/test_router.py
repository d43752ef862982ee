"""Managing people."""

from typing import Any

import pytest

PASSWORD = "an unguessable sentence"
NEW = {"email": "new@example.com", "name": "New", "password": PASSWORD, "roles": ["buyer"]}


def test_a_user_is_created_listed_changed_and_found_again(gateway: Any) -> None:
    with gateway.client("admin") as client:
        created = client.post("/api/v1/users", json={**NEW, "email": " New@Example.com "})
        assert created.status_code == 201
        user = created.json()
        assert created.headers["location"] == f"/api/v1/users/{user['id']}"
        assert (user["email"], user["roles"], user["active"]) == ("new@example.com", ["buyer"], True)
        assert PASSWORD not in created.text
        assert "argon2" not in created.text
        changed = client.patch(f"/api/v1/users/{user['id']}", json={"roles": ["manager", "buyer"], "name": "Newer"})
        assert (changed.json()["roles"], changed.json()["name"]) == (["buyer", "manager"], "Newer")
        assert client.get(f"/api/v1/users/{user['id']}").json() == changed.json()


def test_an_address_is_taken_once_whatever_its_case(gateway: Any) -> None:
    with gateway.client("admin") as client:
        client.post("/api/v1/users", json={**NEW, "email": "twice@example.com"})
        again = client.post("/api/v1/users", json={**NEW, "email": "TWICE@example.com"})
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"roles": ["service"]}, "roles"),
        ({"roles": ["root"]}, "roles"),
        ({"roles": []}, "roles"),
        ({"password": "short"}, "password"),
        ({"password": "Password123!"}, "password"),
        ({"password": "1234567890"}, "password"),
        ({"password": "aaaaaaaaaaaa"}, "password"),
        ({"password": "bad@example.com"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "a b@example.com"}, "email"),
        ({"email": "a\x00b@example.com"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"id": "x"}, "id"),
        ({"active": True}, "active"),
    ],
)
def test_what_cannot_be_a_user_is_refused_naming_the_field(change: dict[str, Any], field: str, gateway: Any) -> None:
    with gateway.client("admin") as client:
        response = client.post("/api/v1/users", json={**NEW, "email": "bad@example.com", **change})
    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{field}"]


def test_the_last_administrator_stays(gateway: Any) -> None:
    with gateway.client("admin") as client:
        me = client.get("/api/v1/auth/me").json()["subject"]
        for change in ({"active": False}, {"roles": ["buyer"]}):
            response = client.patch(f"/api/v1/users/{me}", json=change)
            assert (response.status_code, response.json()["code"]) == (409, "last_administrator")


def test_pages_follow_one_another_without_gaps(gateway: Any) -> None:
    with gateway.client("admin") as client:
        for number in range(5):
            client.post("/api/v1/users", json={**NEW, "email": f"page-{number}@example.com"})
        everybody = [user["id"] for user in client.get("/api/v1/users").json()["items"]]
        seen, cursor = [], None
        while True:
            page = client.get("/api/v1/users", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
            seen += [user["id"] for user in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert client.get("/api/v1/users", params={"cursor": "nonsense"}).status_code == 422
    assert seen == everybody


def test_unknown_users_are_a_404(gateway: Any) -> None:
    with gateway.client("admin") as client:
        for response in (
            client.get("/api/v1/users/00000000-0000-7000-8000-000000000000"),
            client.patch("/api/v1/users/00000000-0000-7000-8000-000000000000", json={"name": "x"}),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "user_not_found")
        assert client.get("/api/v1/users/not-an-id").status_code == 422
