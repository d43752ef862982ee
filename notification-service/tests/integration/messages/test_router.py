"""The history of messages over HTTP."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.testing.conformance import assert_problem


async def test_the_history_shows_what_was_said_and_how_it_went(
    platform: Any, client: httpx.AsyncClient, sender: Any, fake: Any
) -> None:
    await platform.subscribe("4242")
    envelope = await platform.tell("data.import.failed")
    async with sender():
        await platform.settled()
    (item,) = (await client.get("/v1/messages")).json()["items"]
    assert item["status"] == "sent"
    assert item["sent_at"] == item["ended_at"] is not None
    assert item["event_id"] == str(envelope.id)
    assert item["event_type"] == "data.import.failed.v1"
    assert item["text"].startswith("❌ Import failed: stock\nNothing was changed.")
    detail = (await client.get(f"/v1/messages/{item['id']}")).json()
    (attempt,) = detail["tries"]
    assert (attempt["code"], attempt["channel"], attempt["part"]) == ("accepted", "telegram", 1)
    assert attempt["provider_message_id"] == str(fake.state.sent[0]["message_id"])


async def test_the_history_is_filtered_and_paged(platform: Any, client: httpx.AsyncClient) -> None:
    await platform.subscribe("1")
    await platform.subscribe("desk", channel="console")
    for name in ("data.import.failed", "forecast.run.failed", "forecast.run.completed"):
        await platform.tell(name)
    await platform.execute("UPDATE messages SET status = 'failed', ended_at = now() WHERE position = 1")

    async def count(**filters: str) -> int:
        return len((await client.get("/v1/messages", params=filters)).json()["items"])

    assert await count() == 6
    assert await count(status="failed") == 1
    assert await count(channel="console") == 3
    assert await count(event_type="forecast.run.failed.v1") == 2
    assert await count(event_type="forecast.run.failed.v1", channel="telegram", status="queued") == 1
    seen = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("/v1/messages", params={"limit": 4} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 6


async def test_nobody_reads_or_resends_anothers_messages_but_an_administrator(
    platform: Any, client: httpx.AsyncClient, stranger: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await platform.subscribe("1")
    await platform.tell()
    (message,) = await platform.messages()
    path = f"/v1/messages/{message['id']}"
    assert (await stranger.get("/v1/messages")).json()["items"] == []
    assert_problem(await stranger.get(path), 404, "message_not_found")
    assert_problem(await stranger.post(f"{path}/resend"), 404, "message_not_found")
    assert (await client.get(path)).status_code == 200
    assert (await admin.get(path)).status_code == 200


async def test_a_message_is_sent_again_as_a_new_one(
    platform: Any, client: httpx.AsyncClient, sender: Any, fake: Any
) -> None:
    subscription = await platform.subscribe("1")
    await platform.tell()
    async with sender():
        (first,) = await platform.settled()
        await platform.execute("UPDATE subscriptions SET address = '2' WHERE id = :id", id=subscription)
        response = await client.post(f"/v1/messages/{first['id']}/resend")
        assert response.status_code == 202
        again = response.json()
        assert (again["status"], again["resend_of"], again["address"]) == ("queued", str(first["id"]), "2")
        assert response.headers["location"] == f"/v1/messages/{again['id']}"
        await platform.settled()
    assert [m["chat"]["id"] for m in fake.state.sent] == [1, 2]
    assert fake.state.sent[0]["text"] == fake.state.sent[1]["text"]


async def test_a_repeated_resend_with_its_key_sends_once(platform: Any, client: httpx.AsyncClient) -> None:
    await platform.subscribe("1")
    await platform.tell()
    await platform.execute("UPDATE messages SET status = 'uncertain', ended_at = now()")
    (message,) = await platform.messages()
    path, headers = f"/v1/messages/{message['id']}/resend", {"Idempotency-Key": "k1"}
    answers = [(await client.post(path, headers=headers)).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert len(await platform.messages()) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "still on its way"),
        ("UPDATE subscriptions SET active = false, inactive_reason = 'The bot was blocked.'", "The bot was blocked."),
        ("DELETE FROM subscriptions", "subscription has ended"),
    ],
)
async def test_a_message_that_cannot_be_sent_again_says_why(
    platform: Any, client: httpx.AsyncClient, change: str | None, words: str
) -> None:
    await platform.subscribe("1")
    await platform.tell()
    (message,) = await platform.messages()
    if change is not None:
        await platform.execute("UPDATE messages SET status = 'failed', ended_at = now()")
        await platform.execute(change)
    problem = assert_problem(await client.post(f"/v1/messages/{message['id']}/resend"), 409, "message_not_resendable")
    assert words in problem["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "channel=pigeon",
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=%00",
        "event_type=%00",
        "event_type=A",
    ],
)
async def test_a_wrong_parameter_is_a_clear_problem(client: httpx.AsyncClient, query: str) -> None:
    problem = assert_problem(await client.get(f"/v1/messages?{query}"), 422)
    assert problem["errors"][0]["parameter"] in query


async def test_ids_that_do_not_exist_or_are_none_are_told_apart(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(f"/v1/messages/{uuid4()}"), 404, "message_not_found")
    assert_problem(await client.post(f"/v1/messages/{uuid4()}/resend"), 404, "message_not_found")
    assert_problem(await client.get("/v1/messages/17"), 422)
    assert_problem(await client.post("/v1/messages", json={}), 405)
