"""Subscriptions over HTTP, on a real database."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.testing.conformance import assert_problem
from shared.testing.identities import identity_headers, scope_claim

BODY: dict[str, Any] = {
    "channel": "telegram",
    "address": "4242",
    "language": "ru",
    "event_types": ["forecast.stockout-risk.detected.v1", "data.purchase-order.*", "data.purchase-order.late"],
}


async def create(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    response = await client.post("/v1/subscriptions", json=BODY | changes)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_subscription_is_created_read_changed_and_ended(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/subscriptions", json=BODY)
    assert response.status_code == 201
    made = response.json()
    assert made["event_types"] == ["data.purchase-order.*", "forecast.stockout-risk.detected"]
    assert made["active"] is True
    path = response.headers["location"]
    assert (await client.get(path)).json() == made

    changed = await client.patch(path, json={"active": False, "language": "en"})
    assert changed.status_code == 200
    assert (changed.json()["active"], changed.json()["language"], changed.json()["address"]) == (False, "en", "4242")
    assert (await client.get(path)).json() == changed.json()

    assert (await client.delete(path)).status_code == 204
    assert_problem(await client.get(path), 404, "subscription_not_found")
    assert_problem(await client.delete(path), 404, "subscription_not_found")


async def test_the_same_address_is_subscribed_once_by_each_owner(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await create(client)
    assert_problem(await client.post("/v1/subscriptions", json=BODY), 409, "subscription_exists")
    await create(client, channel="console", address="4242")
    other = await create(client, address="4243")
    taken = await client.patch(f"/v1/subscriptions/{other['id']}", json={"address": "4242"})
    assert_problem(taken, 409, "subscription_exists")
    await create(stranger)


async def test_one_of_ten_equal_requests_at_once_wins(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(client.post("/v1/subscriptions", json=BODY) for _ in range(10)))
    assert sorted(r.status_code for r in responses) == [201] + [409] * 9


async def test_a_repeated_request_with_its_key_gets_the_first_answer(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first, *others = [await client.post("/v1/subscriptions", json=BODY, headers=headers) for _ in range(3)]
    assert [r.json() for r in others] == [first.json()] * 2
    reused = await client.post("/v1/subscriptions", json=BODY | {"address": "9"}, headers=headers)
    assert_problem(reused, 409, "idempotency_key_reused")
    await client.delete(first.headers["location"])
    gone = await client.post("/v1/subscriptions", json=BODY, headers=headers)
    assert_problem(gone, 404, "subscription_not_found")


async def test_nobody_reaches_anothers_subscription_but_an_administrator(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    path = f"/v1/subscriptions/{(await create(client))['id']}"
    for response in (
        await stranger.get(path),
        await stranger.patch(path, json={"active": False}),
        await stranger.delete(path),
    ):
        assert_problem(response, 404, "subscription_not_found")
    assert (await stranger.get("/v1/subscriptions")).json()["items"] == []
    assert (await admin.get(path)).json()["active"] is True
    assert len((await admin.get("/v1/subscriptions")).json()["items"]) == 1


async def test_the_list_runs_from_new_to_old_in_pages(client: httpx.AsyncClient) -> None:
    made = [(await create(client, address=str(100 + n)))["id"] for n in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (
            await client.get("/v1/subscriptions", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert_problem(await client.get("/v1/subscriptions", params={"cursor": "WyJ4Il0"}), 422, "invalid_cursor")
    assert_problem(await client.get("/v1/subscriptions", params={"cursor": "%%%"}), 422, "invalid_cursor")
    assert_problem(await client.get("/v1/subscriptions", params={"limit": 10**9}), 422)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"channel": "pigeon"}, "/channel"),
        ({"address": ""}, "/address"),
        ({"address": "not a chat"}, "/address"),
        ({"address": "0"}, "/address"),
        ({"address": "1" * 101}, "/address"),
        ({"address": 4242}, "/address"),
        ({"language": "de"}, "/language"),
        ({"event_types": []}, "/event_types"),
        ({"event_types": ["forecast.runs.completed"]}, "/event_types"),
        ({"event_types": ["*"] * 51}, "/event_types"),
        ({"event_types": "forecast.*"}, "/event_types"),
        ({"event_types": ["x\u0000"]}, "/event_types"),
        ({"active": "perhaps"}, "/active"),
        ({"owner": "somebody else"}, "/owner"),
    ],
)
async def test_a_wrong_field_is_named_at_creation_and_at_change(
    client: httpx.AsyncClient, changes: dict[str, Any], pointer: str
) -> None:
    problem = assert_problem(await client.post("/v1/subscriptions", json=BODY | changes), 422)
    assert problem["errors"][0]["pointer"].startswith(pointer)
    path = f"/v1/subscriptions/{(await create(client))['id']}"
    before = (await client.get(path)).json()
    problem = assert_problem(await client.patch(path, json=changes), 422)
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert (await client.get(path)).json() == before


async def test_null_is_not_a_value(client: httpx.AsyncClient) -> None:
    path = f"/v1/subscriptions/{(await create(client))['id']}"
    problem = assert_problem(await client.patch(path, json={"language": None}), 422)
    assert "leave a field out" in problem["detail"]


async def test_a_channel_changes_only_to_one_that_takes_the_address(client: httpx.AsyncClient) -> None:
    path = f"/v1/subscriptions/{(await create(client, channel='console', address='desk'))['id']}"
    assert_problem(await client.patch(path, json={"channel": "telegram"}), 422, "subscription_invalid")
    moved = await client.patch(path, json={"channel": "telegram", "address": "-1001234567890"})
    assert moved.json()["channel"] == "telegram"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"channel": "telegram"}', b"\xff\xfe"])
async def test_a_body_that_does_not_parse_is_a_clear_problem(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/v1/subscriptions", content=body, headers={"content-type": "application/json"})
    assert_problem(response, 422)


async def test_ids_that_do_not_exist_or_are_none_are_told_apart(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(f"/v1/subscriptions/{uuid4()}"), 404, "subscription_not_found")
    assert_problem(await client.get("/v1/subscriptions/17"), 422)
    assert_problem(await client.put("/v1/subscriptions/17", json={}), 405)


@pytest.mark.parametrize(
    ("patterns", "is_allowed"),
    [
        (["forecast.run.*", "data.import.completed", "storage.*"], True),
        (["forecast.stockout-risk.detected"], False),
        (["forecast.run.failed", "data.purchase-order.late"], False),
        (["forecast.*"], False),
        (["*"], False),
    ],
)
async def test_a_limited_caller_is_not_told_of_the_whole_company(
    client: httpx.AsyncClient, patterns: list[str], is_allowed: bool
) -> None:
    limited = identity_headers("notification", sub=str(uuid4()), roles=["buyer"], scope=scope_claim(suppliers=["S1"]))
    answer = await client.post("/v1/subscriptions", json=BODY | {"event_types": patterns}, headers=limited)
    if is_allowed:
        assert answer.status_code == 201, answer.text
        path = answer.headers["location"]
        widened = await client.patch(path, json={"event_types": ["*"]}, headers=limited)
        assert_problem(widened, 403, "outside_scope")
        assert (await client.get(path, headers=limited)).json()["event_types"] == answer.json()["event_types"]
    else:
        problem = assert_problem(answer, 403, "outside_scope")
        assert "forecast.run.failed" in problem["detail"]
        assert (await client.get("/v1/subscriptions", headers=limited)).json()["items"] == []


async def test_a_subscription_from_before_the_limit_is_not_switched_on_again(client: httpx.AsyncClient) -> None:
    person = {"sub": str(uuid4()), "roles": ["buyer"]}
    before = identity_headers("notification", **person)
    limited = identity_headers("notification", **person, scope=scope_claim(warehouses=["W1"]))
    path = (await client.post("/v1/subscriptions", json=BODY, headers=before)).headers["location"]
    assert (await client.patch(path, json={"active": False}, headers=limited)).status_code == 200
    assert_problem(await client.patch(path, json={"active": True}, headers=limited), 403, "outside_scope")


async def test_a_limited_administrator_sees_their_own_only(client: httpx.AsyncClient) -> None:
    await create(client)
    limited = identity_headers("notification", sub=str(uuid4()), roles=["admin"], scope=scope_claim(warehouses=["W1"]))
    assert (await client.get("/v1/subscriptions", headers=limited)).json()["items"] == []
    assert (await client.get("/v1/messages", headers=limited)).json()["items"] == []
