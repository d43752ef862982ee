"""The queue's rules, seen through the console channel and the fake Telegram."""

import asyncio
from typing import Any

import pytest


async def test_without_a_token_messages_go_to_a_console_that_says_so(
    platform: Any, sender: Any, fake: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    await platform.subscribe("4242", language="ru")
    await platform.tell("data.import.failed")
    async with sender(telegram_token=None):
        (message,) = await platform.settled()
    assert (message["status"], message["channel"], message["address"]) == ("sent", "console", "4242")
    shown = capsys.readouterr().out
    assert "--- console channel (no Telegram token), to 4242\n❌ Загрузка не удалась: остатки\n" in shown
    assert "message_shown" in caplog.text
    assert fake.state.calls == []


async def test_a_console_subscription_needs_no_telegram_but_does_not_stop_it(
    platform: Any, sender: Any, fake: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await platform.subscribe("desk", channel="console")
    await platform.subscribe("4242")
    await platform.tell()
    async with sender():
        await platform.settled()
    assert "--- console channel, to desk\n" in capsys.readouterr().out
    assert len(fake.state.texts(4242)) == 1


async def test_messages_of_one_chat_keep_their_order_even_when_the_first_is_delayed(
    platform: Any, sender: Any, fake: Any
) -> None:
    fake.fault(chat_id=1, code=502, description="Bad Gateway", times=1)
    await platform.subscribe("1")
    await platform.subscribe("2")
    for detail in ("first", "second", "third"):
        await platform.tell(detail=detail)
    async with sender():
        await platform.settled()
    for chat in (1, 2):
        assert [text.splitlines()[2] for text in fake.state.texts(chat)] == ["first", "second", "third"]


async def test_a_deferred_message_does_not_hold_up_the_next(platform: Any, sender: Any, fake: Any) -> None:
    await platform.subscribe("1")
    await platform.tell(detail="later")
    await platform.execute("UPDATE messages SET not_before = now() + interval '1.5 seconds'")
    await platform.tell(detail="now")
    async with sender():
        await platform.settled()
    assert [text.splitlines()[2] for text in fake.state.texts(1)] == ["now", "later"]


async def test_what_was_queued_for_an_ended_or_paused_subscription_is_not_sent(
    platform: Any, sender: Any, fake: Any
) -> None:
    await platform.subscribe("1")
    await platform.subscribe("2")
    await platform.tell()
    await platform.execute("DELETE FROM subscriptions WHERE address = '1'")
    await platform.execute("UPDATE subscriptions SET active = false")
    async with sender():
        messages = await platform.settled()
    assert [(m["status"], m["code"]) for m in messages] == [("failed", "subscription_ended")] * 2
    assert fake.state.sent == []
    assert await platform.failures() == []


async def test_a_message_follows_its_subscription_to_a_new_address(platform: Any, sender: Any, fake: Any) -> None:
    await platform.subscribe("1")
    await platform.tell()
    await platform.execute("UPDATE subscriptions SET address = '77'")
    async with sender():
        await platform.settled()
    assert [m["chat"]["id"] for m in fake.state.sent] == [77]


async def test_a_message_too_old_to_be_useful_is_failed_and_reported(platform: Any, sender: Any, fake: Any) -> None:
    await platform.subscribe("1")
    await platform.tell()
    await platform.execute("UPDATE messages SET due_since = now() - interval '25 hours'")
    async with sender():
        (message,) = await platform.settled()
    assert (message["status"], message["code"]) == ("failed", "too_late")
    (failure,) = await platform.failures()
    assert (failure["code"], failure["about_type"]) == ("too_late", "forecast.run.failed.v1")


async def test_three_senders_at_once_send_each_message_once(platform: Any, sender: Any, fake: Any) -> None:
    for chat in range(1, 41):
        await platform.subscribe(str(chat))
    await platform.tell()
    async with sender(), sender(), sender():
        await platform.settled()
    assert sorted(m["chat"]["id"] for m in fake.state.sent) == list(range(1, 41))


async def test_a_sender_told_to_stop_finishes_what_it_has_in_hand(
    platform: Any, sender: Any, fake: Any, eventually: Any
) -> None:
    fake.fault(method="sendMessage", action="slow", seconds=0.5, times=10)
    for chat in range(1, 11):
        await platform.subscribe(str(chat))
    await platform.tell()
    async with sender():
        await eventually(lambda: len(fake.state.calls) == 11)
    assert await platform.statuses() == ["sent"] * 10
    assert len(fake.state.sent) == 10


async def test_a_sender_that_loses_its_database_connection_goes_on(platform: Any, sender: Any, fake: Any) -> None:
    await platform.subscribe("1")
    async with sender():
        await platform.tell()
        await platform.settled()
        await platform.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user"
        )
        await platform.tell()
        await platform.settled()
    assert len(fake.state.sent) == 2


@pytest.mark.parametrize("status", ["sent", "failed"])
async def test_the_queue_never_takes_up_an_ended_message(platform: Any, sender: Any, fake: Any, status: str) -> None:
    await platform.subscribe("1")
    await platform.tell()
    await platform.execute("UPDATE messages SET status = :status, ended_at = now()", status=status)
    async with sender():
        await asyncio.sleep(0.4)
    assert fake.state.texts() == []
