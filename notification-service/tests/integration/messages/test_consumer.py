"""An event becomes one message for each subscriber, in the transaction of its inbox row."""

import asyncio
from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest

from notification_service.messages.consumer import event_subscriptions
from notification_service.templates.service import TOPICS, TemplateService
from shared.events.envelope import Envelope
from shared.messaging.connect import open_transport
from shared.messaging.consumer import Consumers
from shared.messaging.worker import BackgroundTask, background


async def test_each_subscriber_gets_one_message_in_their_language(platform: Any, envelope_of: Any) -> None:
    await platform.subscribe("1", language="ru", event_types=["forecast.*"])
    await platform.subscribe("2", language="en", event_types=["data.*", "forecast.run.failed"])
    await platform.subscribe("3", language="en", event_types=["forecast.run.completed", "storage.*"])
    await platform.subscribe("4", language="en", active=False)
    await platform.subscribe("desk", channel="console", language="en")
    added = await platform.enqueue(envelope_of("forecast.run.failed"))
    assert added == 3
    rows = await platform.rows(
        "SELECT m.address, m.channel, n.language, n.body FROM messages m JOIN notices n ON n.id = m.notice_id ORDER BY 1"
    )
    assert [(r["address"], r["channel"], r["language"]) for r in rows] == [
        ("1", "telegram", "ru"),
        ("2", "telegram", "en"),
        ("desk", "console", "en"),
    ]
    assert "Прогноз не рассчитан" in rows[0]["body"]
    assert rows[1]["body"] == rows[2]["body"]
    assert len(await platform.rows("SELECT 1 FROM notices")) == 2


async def test_an_event_nobody_wants_leaves_nothing_behind(platform: Any, envelope_of: Any) -> None:
    await platform.subscribe("1", event_types=["storage.*"])
    assert await platform.enqueue(envelope_of("forecast.run.failed")) == 0
    assert await platform.rows("SELECT 1 FROM notices") == []


async def test_an_event_that_comes_again_long_after_adds_no_second_message(platform: Any, envelope_of: Any) -> None:
    await platform.subscribe("1")
    envelope = envelope_of("data.import.completed")
    assert await platform.enqueue(envelope) == 1
    assert await platform.enqueue(envelope) == 0
    await platform.subscribe("2")
    assert await platform.enqueue(envelope) == 1
    assert [m["address"] for m in await platform.messages()] == ["1", "2"]


async def test_many_subscribers_are_queued_at_once(platform: Any, envelope_of: Any) -> None:
    await platform.execute(
        "INSERT INTO subscriptions (id, owner, channel, address, language, event_types, active) "
        "SELECT gen_random_uuid(), 'o', 'telegram', n::text, 'en', '{forecast.*}', true FROM generate_series(1, 3000) n"
    )
    began = asyncio.get_running_loop().time()
    assert await platform.enqueue(envelope_of("forecast.run.failed")) == 3000
    assert asyncio.get_running_loop().time() - began < 5


@pytest.fixture
async def consuming(platform: Any) -> Any:
    """The real consumers on the embedded transport; gives its publish function."""
    async with open_transport(platform.settings.effective_broker_url, "test") as transport:
        templates = TemplateService(public_url=None, zone=UTC)
        unit_of_work = platform.resources.database.unit_of_work
        consumers = Consumers("notification", unit_of_work, transport, event_subscriptions(templates))
        await consumers.declare()
        async with background([BackgroundTask("consumers", consumers.run)]):
            yield transport


async def test_every_event_of_the_platform_arrives_and_reads_well(
    platform: Any, consuming: Any, envelope_of: Any, eventually: Any
) -> None:
    await platform.subscribe("1", language="ru")
    await consuming.publish([envelope_of(name) for name in TOPICS])

    async def all_queued() -> bool:
        return len(await platform.messages()) == len(TOPICS)

    await eventually(all_queued)
    assert {row["event_type"] for row in await platform.rows("SELECT event_type FROM notices")} == {
        event.event_type for event in TOPICS.values()
    }


async def test_an_event_delivered_twice_is_told_once(
    platform: Any, consuming: Any, envelope_of: Any, eventually: Any
) -> None:
    await platform.subscribe("1")
    envelope = envelope_of("forecast.run.completed")
    await consuming.publish([envelope])
    await consuming.publish([envelope])
    await consuming.publish([envelope_of("forecast.run.completed")])

    async def second_arrived() -> bool:
        return len(await platform.messages()) == 2

    await eventually(second_arrived)
    assert len(await platform.rows("SELECT 1 FROM inbox")) == 2


async def test_an_event_that_does_not_fit_its_contract_is_parked_and_holds_up_nobody(
    platform: Any, consuming: Any, envelope_of: Any, eventually: Any
) -> None:
    await platform.subscribe("1")
    good = envelope_of("forecast.run.completed")
    bad = Envelope.model_validate(good.model_dump() | {"id": uuid4(), "data": {"run_id": "x"}})
    await consuming.publish([bad, good])
    await eventually(platform.messages)
    parked = await consuming.dead_letters()
    assert [letter.queue for letter in parked] == ["notification.forecast.run.completed.v1"]
    assert "does not fit its contract" in parked[0].reason
    assert len(await platform.messages()) == 1
