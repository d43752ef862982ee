"""Every answer Telegram may give, over the wire, and what becomes of the message."""

import logging
from typing import Any

import pytest
from pydantic import SecretStr
from tests.fakes.telegram import TOKEN, FakeTelegram


async def send_one(platform: Any, sender: Any, address: str = "4242", **changes: Any) -> dict[str, Any]:
    await platform.subscribe(address)
    await platform.tell()
    async with sender(**changes):
        (message,) = await platform.settled()
    result: dict[str, Any] = message
    return result


async def attempts(platform: Any) -> list[str]:
    return [row["code"] for row in await platform.rows("SELECT code FROM attempts ORDER BY message_id, number")]


async def test_a_message_arrives_with_its_markup_and_without_link_previews(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    message = await send_one(platform, sender)
    assert (message["status"], message["channel"], message["attempts"]) == ("sent", "telegram", 1)
    (arrived,) = fake.state.sent
    assert arrived["text"].startswith("❌ Forecast failed\n")
    assert arrived["entities"][0]["type"] == "bold"
    assert fake.state.calls[-1].params["link_preview_options"] == {"is_disabled": True}


async def test_a_429_is_obeyed_and_the_message_arrives_once(platform: Any, sender: Any, fake: FakeTelegram) -> None:
    fake.fault(method="sendMessage", code=429, description="Too Many Requests: retry after 2", retry_after=2)
    message = await send_one(platform, sender)
    assert message["status"] == "sent"
    assert await attempts(platform) == ["throttled", "accepted"]
    refused, accepted = [call for call in fake.state.calls if call.method == "sendMessage"]
    assert accepted.at - refused.at >= 2
    assert len(fake.state.sent) == 1


@pytest.mark.parametrize(
    ("address", "state", "code"),
    [
        ("7", "blocked", "bot_blocked"),
        ("-7", "kicked", "bot_removed"),
        ("7", "deactivated", "user_deactivated"),
        ("7", "missing", "chat_not_found"),
    ],
)
async def test_a_chat_that_cannot_be_reached_ends_its_subscriptions_with_the_reason(
    platform: Any, sender: Any, fake: FakeTelegram, client: Any, address: str, state: Any, code: str
) -> None:
    fake.state.set_chat(int(address), state)
    message = await send_one(platform, sender, address)
    assert (message["status"], message["code"], message["attempts"]) == ("failed", code, 1)
    (subscription,) = (await client.get("/v1/subscriptions")).json()["items"]
    assert subscription["active"] is False
    assert "What to do:" in subscription["inactive_reason"]
    (failure,) = await platform.failures()
    assert failure["code"] == code
    assert failure["message_id"] == str(message["id"])
    assert address not in failure["detail"]
    fake.state.set_chat(int(address), "ok")
    again = await client.patch(f"/v1/subscriptions/{subscription['id']}", json={"active": True})
    assert again.json()["inactive_reason"] is None
    async with sender():
        assert (await client.post(f"/v1/messages/{message['id']}/resend")).status_code == 202
        assert [m["status"] for m in await platform.settled()] == ["failed", "sent"]


async def test_only_the_first_of_several_messages_to_a_dead_chat_is_tried(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    fake.state.set_chat(7, "blocked")
    await platform.subscribe("7")
    for _ in range(5):
        await platform.tell()
    async with sender():
        messages = await platform.settled()
    assert [m["code"] for m in messages] == ["bot_blocked"] + ["subscription_ended"] * 4
    assert len([call for call in fake.state.calls if call.method == "sendMessage"]) == 1
    assert len(await platform.failures()) == 1


async def test_a_group_that_became_a_supergroup_is_followed(
    platform: Any, sender: Any, fake: FakeTelegram, client: Any
) -> None:
    fake.state.set_chat(-7, "migrated", migrated_to=-1000000000007)
    await platform.subscribe("-7")
    await platform.tell(detail="first")
    await platform.tell(detail="second")
    async with sender():
        messages = await platform.settled()
    assert [m["status"] for m in messages] == ["sent", "sent"]
    assert [text.splitlines()[2] for text in fake.state.texts(-1000000000007)] == ["first", "second"]
    (subscription,) = (await client.get("/v1/subscriptions")).json()["items"]
    assert (subscription["address"], subscription["active"]) == ("-1000000000007", True)


async def test_a_group_that_moved_to_a_subscribed_chat_does_not_get_everything_twice(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    fake.state.set_chat(-7, "migrated", migrated_to=-1000000000007)
    await platform.subscribe("-7")
    await platform.subscribe("-1000000000007")
    await platform.tell()
    async with sender():
        messages = await platform.settled()
    assert sorted(m["status"] for m in messages) == ["failed", "sent"]
    assert len(fake.state.sent) == 1
    rows = await platform.rows("SELECT active, inactive_reason FROM subscriptions ORDER BY active")
    assert [row["active"] for row in rows] == [False, True]
    assert "moved" in rows[0]["inactive_reason"]


async def test_markup_that_telegram_refuses_is_sent_again_as_plain_text(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    await platform.subscribe("4242")
    await platform.tell()
    await platform.execute("UPDATE notices SET body = '<b>Tom &amp; Jerry <i>run out</b>'")
    async with sender():
        (message,) = await platform.settled()
    assert message["status"] == "sent"
    assert await attempts(platform) == ["markup_refused", "accepted"]
    assert fake.state.texts() == ["Tom & Jerry run out"]
    assert "parse_mode" not in fake.state.calls[-1].params


async def test_another_bad_request_fails_the_message_but_not_its_subscription(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    fake.fault(method="sendMessage", code=400, description="Bad Request: something unheard of")
    message = await send_one(platform, sender)
    assert (message["status"], message["code"]) == ("failed", "message_refused")
    assert "Something unheard of" in message["detail"]
    assert await platform.rows("SELECT 1 FROM subscriptions WHERE active") != []


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 500, "description": "Internal Server Error"},
        {"code": 502, "description": "Bad Gateway"},
        {"action": "garbage", "code": 502},
        {"action": "garbage", "code": 403},
        {"action": "garbage", "code": 404},
    ],
)
async def test_a_failing_server_is_asked_again_and_no_address_is_blamed(
    platform: Any, sender: Any, fake: FakeTelegram, fault: dict[str, Any]
) -> None:
    fake.fault(method="sendMessage", **fault)
    message = await send_one(platform, sender)
    assert message["status"] == "sent"
    assert await attempts(platform) == ["channel_failing", "accepted"]
    assert len(fake.state.sent) == 1


async def test_a_server_that_keeps_failing_makes_the_message_failed_and_is_reported(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    fake.fault(method="sendMessage", code=500, description="Internal Server Error", times=99)
    message = await send_one(platform, sender, delivery_failures_limit=2)
    assert (message["status"], message["code"], message["attempts"]) == ("failed", "channel_failing", 2)
    assert [failure["attempts"] for failure in await platform.failures()] == [2]


@pytest.mark.parametrize("action", ["hang_after_accept", "drop_after_accept"])
async def test_an_answer_that_never_comes_makes_the_message_uncertain_and_it_is_not_sent_again(
    platform: Any, sender: Any, fake: FakeTelegram, action: str
) -> None:
    fake.fault(method="sendMessage", action=action, times=1)
    message = await send_one(platform, sender, telegram_read_timeout_seconds=1)
    assert (message["status"], message["code"], message["attempts"]) == ("uncertain", "answer_lost", 1)
    assert len(fake.state.sent) == 1
    assert await platform.failures() == []


async def test_a_server_that_is_away_costs_nothing_and_the_message_arrives_when_it_is_back(
    platform: Any, sender: Any, fake: FakeTelegram, eventually: Any
) -> None:
    await platform.subscribe("4242")
    async with sender():
        await platform.tell(detail="before")
        await platform.settled()
        await fake.stop()
        await platform.tell(detail="meanwhile")

        async def tried() -> bool:
            return "channel_unreachable" in await attempts(platform)

        await eventually(tried)
        await fake.start()
        messages = await platform.settled()
    assert [m["status"] for m in messages] == ["sent", "sent"]
    assert len(fake.state.sent) == 2


async def test_a_server_that_is_away_at_the_start_is_waited_for(
    platform: Any, sender: Any, fake: FakeTelegram, eventually: Any
) -> None:
    port = fake.port
    await fake.stop()
    await platform.subscribe("4242")
    await platform.subscribe("desk", channel="console")
    await platform.tell()
    async with sender():

        async def console_done() -> bool:
            return sorted(await platform.statuses()) == ["queued", "sent"]

        await eventually(console_done)
        await fake.start(port)
        assert [m["status"] for m in await platform.settled()] == ["sent", "sent"]


@pytest.mark.parametrize("token", ["987654321:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr", "no token at all"])
async def test_a_wrong_token_keeps_messages_queued_says_so_and_is_never_logged(
    platform: Any,
    sender: Any,
    eventually: Any,
    token: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    await platform.subscribe("4242")
    await platform.tell()
    async with sender(telegram_token=SecretStr(token)):
        await eventually(lambda: caplog.text.count("channel_unusable") >= 2)
    assert await platform.statuses() == ["queued"]
    assert "NOTIFICATION_TELEGRAM_TOKEN" in caplog.text
    assert token not in visible(caplog, capfd)


async def test_a_token_revoked_while_running_keeps_messages_and_they_go_out_when_it_is_valid_again(
    platform: Any, sender: Any, fake: FakeTelegram, eventually: Any
) -> None:
    await platform.subscribe("4242")
    async with sender():
        await platform.tell(detail="before")
        await platform.settled()
        fake.token = "1:another"
        await platform.tell(detail="meanwhile")

        async def refused() -> bool:
            return "channel_unusable" in await attempts(platform)

        await eventually(refused)
        assert await platform.statuses() == ["sent", "queued"]
        fake.token = TOKEN
        messages = await platform.settled()
    assert [m["status"] for m in messages] == ["sent", "sent"]
    assert await platform.failures() == []


async def test_the_token_is_never_logged_nor_stored_whatever_goes_wrong(
    platform: Any, sender: Any, fake: FakeTelegram, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for chat in range(1, 7):
        await platform.subscribe(str(chat))
    fake.fault(chat_id=1, action="drop_after_accept")
    fake.fault(chat_id=2, action="garbage", code=502)
    fake.fault(chat_id=3, code=403, description="Forbidden: bot was blocked by the user")
    fake.fault(chat_id=4, code=401, description="Unauthorized")
    fake.fault(chat_id=5, action="hang_after_accept")
    await platform.tell()
    async with sender(telegram_read_timeout_seconds=1):
        await platform.settled()
    stored = [await platform.rows(f"SELECT * FROM {table}") for table in ("messages", "attempts", "outbox")]
    assert TOKEN not in visible(caplog, capfd) + str(stored)
    assert TOKEN.partition(":")[2] not in visible(caplog, capfd) + str(stored)


async def test_a_long_message_arrives_in_parts_in_order_and_a_retry_repeats_none(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    await platform.subscribe("4242")
    await platform.tell()
    await platform.tell(detail="after it")
    lines = "\n".join(f"{n}. <b>Tea &amp; coffee</b> 🔴 article {n}" for n in range(300))
    await platform.execute(
        "UPDATE notices SET body = :body WHERE id = (SELECT notice_id FROM messages ORDER BY position LIMIT 1)",
        body=lines,
    )
    fake.fault(method="sendMessage", contains="299. ", code=502, description="Bad Gateway")
    async with sender():
        long, short = await platform.settled()
    assert (long["status"], long["parts_sent"], long["attempts"]) == ("sent", 3, 4)
    shown = "\n".join(fake.state.texts()[:3]).split("\n")
    assert shown == [f"{n}. Tea & coffee 🔴 article {n}" for n in range(300)]
    assert "after it" in fake.state.texts()[3]
    assert short["status"] == "sent"


async def test_a_part_whose_answer_is_lost_says_how_many_were_delivered(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    await platform.subscribe("4242")
    await platform.tell()
    await platform.execute("UPDATE notices SET body = repeat('word ', 2000)")
    fake.fault(method="sendMessage", action="slow", seconds=0, times=1)
    fake.fault(method="sendMessage", action="drop_after_accept", times=1)
    async with sender():
        (message,) = await platform.settled()
    assert message["status"] == "uncertain"
    assert message["detail"].endswith("1 of 3 parts were delivered.")
    assert len(fake.state.sent) == 2


async def test_hundreds_of_chats_are_served_within_the_limits_without_one_refusal(
    platform: Any, sender: Any, fake: FakeTelegram
) -> None:
    fake.state.limits.enforced = True
    for chat in range(1, 91):
        await platform.subscribe(str(chat))
    await platform.tell()
    async with sender():
        await platform.settled()
    assert fake.state.limits.refused == 0
    assert len(fake.state.sent) == 90
    sends = [call.at for call in fake.state.calls if call.method == "sendMessage"]
    assert sends[-1] - sends[0] < 15


def visible(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    """Everything a person or a log collector could see."""
    captured = capfd.readouterr()
    records = "".join(f"{record.getMessage()}{record.exc_text}{record.__dict__}" for record in caplog.records)
    return caplog.text + records + captured.out + captured.err
