"""At least once on the wire, applied once, over both transports."""

import asyncio
import contextlib
import logging

import asyncpg
import pytest

from shared.events.envelope import Envelope
from shared.messaging.consumer import Consumers, RetryPolicy, Subscription
from shared.messaging.metrics import DELIVERIES

QUEUE = "data.data.probe.moved.v1"
QUICK = RetryPolicy(delays_seconds=(0.1,), finish_seconds=1.0)


@pytest.fixture
async def consumers(broker, transport, service, moved):
    """Consumers of the one test event, their queue declared and removed afterwards."""

    async def make(handler, policy=QUICK, *, via=None, **limits):
        broker.queue(QUEUE)
        made = Consumers(
            "data", service.database.unit_of_work, via or transport, [Subscription(moved, handler, **limits)], policy
        )
        await made.declare()
        return made

    return make


async def test_an_event_is_applied_and_acknowledged(
    consumers, transport, service, apply, envelopes, running, eventually
):
    running((await consumers(apply)).run())
    await transport.publish(envelopes(1, 2, 3))
    await eventually(lambda: effects_are(service, {1: 1, 2: 1, 3: 1}))
    assert await service.value("SELECT count(*) FROM inbox WHERE consumer = $1", QUEUE) == 3
    assert await transport.dead_letters() == []


async def effects_are(service, expected):
    return await service.effects() == expected


async def test_duplicates_are_swallowed(consumers, transport, service, apply, envelopes, running, eventually):
    running((await consumers(apply)).run())
    sent = envelopes(1, 2)
    for _ in range(3):
        await transport.publish(sent)
    await transport.publish(envelopes(3))
    await eventually(lambda: effects_are(service, {1: 1, 2: 1, 3: 1}))
    await asyncio.sleep(0.3)
    assert await service.effects() == {1: 1, 2: 1, 3: 1}


async def test_two_consumers_share_the_work_and_apply_everything_once(
    broker, consumers, transport, service, apply, envelopes, running, eventually
):
    for name in ("one", "two"):
        running((await consumers(apply, via=await broker.open(name), prefetch=5)).run())
    sent = envelopes(*range(100))
    await transport.publish(sent)
    await transport.publish(sent[::-1])
    await eventually(lambda: effects_are(service, dict.fromkeys(range(100), 1)))


async def test_dying_between_commit_and_acknowledgement_applies_once(
    broker, consumers, transport, service, apply, envelopes, running, eventually
):
    """The acknowledgement of the first consumer is lost with its connection; the second one is offered the event."""
    victim = await broker.open("victim")
    original = service.database.unit_of_work
    committed = asyncio.Event()

    def dying():
        work = original()
        commit = work.commit

        async def commit_then_die():
            await commit()
            await victim.close()
            committed.set()

        work.commit = commit_then_die
        return work

    made = await consumers(apply, via=victim)
    made._unit_of_work = dying
    first = running(made.run())
    await transport.publish(envelopes(1))
    await asyncio.wait_for(committed.wait(), 20)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    duplicates = DELIVERIES.labels(QUEUE, "duplicate")
    before = duplicates._value.get()
    running((await consumers(apply)).run())
    await eventually(lambda: duplicates._value.get() == before + 1)
    assert await service.effects() == {1: 1}


async def test_a_failure_leaves_nothing_and_is_tried_again(
    consumers, transport, service, apply, envelopes, running, eventually
):
    tries = []

    async def fail_twice(event, envelope, work):
        await apply(event, envelope, work)
        tries.append(event.number)
        if len(tries) < 3:
            raise RuntimeError("not yet")

    running((await consumers(fail_twice)).run())
    await transport.publish(envelopes(1))
    await eventually(lambda: effects_are(service, {1: 1}))
    assert tries == [1, 1, 1]
    assert await transport.dead_letters() == []


async def test_after_the_delivery_limit_it_is_parked_with_the_last_reason(
    consumers, transport, service, envelopes, running, eventually
):
    tries = []

    async def fail(event, envelope, work):
        tries.append(event.number)
        raise RuntimeError(f"bad number {event.number}, password postgresql://u:secret@h/d")

    running((await consumers(fail, max_deliveries=3)).run())
    await transport.publish(envelopes(5))
    letter = (await eventually(transport.dead_letters))[0]
    assert tries == [5, 5, 5]
    assert (letter.queue, letter.deliveries) == (QUEUE, 3)
    assert letter.reason.startswith("RuntimeError: bad number 5")
    assert "secret" not in letter.reason
    assert await service.effects() == {}
    assert await service.value("SELECT count(*) FROM inbox") == 0


async def test_poison_does_not_stop_the_good_and_is_applied_after_repair_and_replay(
    consumers, transport, service, apply, envelopes, running, eventually
):
    repaired = False

    async def fail_on_13(event, envelope, work):
        if event.number == 13 and not repaired:
            raise RuntimeError("unlucky")
        await apply(event, envelope, work)

    running((await consumers(fail_on_13, max_deliveries=2)).run())
    await transport.publish(envelopes(*range(100)))
    letters = await eventually(transport.dead_letters)
    await eventually(lambda: effects_are(service, {n: 1 for n in range(100) if n != 13}))
    repaired = True
    await transport.replay([letter.id for letter in letters])
    await eventually(lambda: effects_are(service, dict.fromkeys(range(100), 1)))
    assert await transport.dead_letters() == []


async def test_what_cannot_be_read_is_parked_at_once_with_the_reason(
    consumers, transport, service, apply, envelopes, running, eventually
):
    tries = []

    async def count(event, envelope, work):
        tries.append(event.number)
        await apply(event, envelope, work)

    running((await consumers(count)).run())
    good = envelopes(1)[0]
    wrong_data = envelopes(2)[0].model_copy(update={"data": {"number": "many"}})
    newer = envelopes(3)[0].model_copy(update={"specversion": "2.0"})
    await transport.publish([wrong_data, newer, good])
    letters = await eventually(lambda: has(transport, 2))
    await eventually(lambda: effects_are(service, {1: 1}))
    assert "number: Input should be a valid integer" in letters[0].reason
    assert "not a CloudEvents 1.0 envelope" in letters[1].reason
    assert [letter.deliveries for letter in letters] == [1, 1]
    assert tries == [1]


async def has(transport, count):
    letters = await transport.dead_letters()
    return letters if len(letters) == count else None


async def test_events_of_one_aggregate_are_applied_in_order(
    consumers, transport, service, apply, envelopes, running, eventually
):
    order = []

    async def note(event, envelope, work):
        order.append(event.number)

    running((await consumers(note)).run())
    await transport.publish(envelopes(*range(200)))
    await eventually(lambda: len(order) == 200)
    assert order == list(range(200))


async def test_an_event_published_by_a_handler_appears_with_its_effect_or_not_at_all(
    consumers, transport, service, apply, envelopes, running, eventually, stopped
):
    async def publish_and_fail_once(event, envelope, work):
        await work.publish(stopped(number=event.number), subject=envelope.subject)
        await apply(event, envelope, work)
        if event.number == 1 and not failed:
            failed.append(1)
            raise RuntimeError("once")

    failed = []
    running((await consumers(publish_and_fail_once)).run())
    await transport.publish(envelopes(1, 2))
    await eventually(lambda: effects_are(service, {1: 1, 2: 1}))
    assert await service.value("SELECT count(*) FROM outbox") == 2


async def test_the_trace_goes_on_from_the_event_to_what_the_handler_publishes(
    consumers, transport, service, envelopes, running, eventually, stopped
):
    async def publish(event, envelope, work):
        await work.publish(stopped(number=1), subject="a")

    running((await consumers(publish)).run())
    trace = "0123456789abcdef0123456789abcdef"
    await transport.publish([envelopes(1)[0].model_copy(update={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})])
    row = (await eventually(lambda: service.rows("SELECT envelope ->> 'traceparent' AS trace FROM outbox")))[0]
    assert row["trace"].split("-")[1] == trace


async def test_while_the_tables_are_away_the_consumer_waits_and_no_delivery_is_spent(
    broker, consumers, transport, service, apply, envelopes, running, eventually, caplog
):
    """The database refuses this service for longer than all its deliveries would last."""
    caplog.set_level(logging.WARNING)
    attempts = []

    async def note(event, envelope, work):
        await apply(event, envelope, work)

    made = await consumers(note, RetryPolicy(delays_seconds=(0.05,), finish_seconds=1.0), max_deliveries=2)
    original = transport.consume

    async def consume(queue, handler):
        async def noting(delivery):
            attempts.append(delivery.attempt)
            await handler(delivery)

        await original(queue, noting)

    transport.consume = consume
    await service.rows("ALTER TABLE inbox RENAME TO inbox_away")
    running(made.run())
    await transport.publish(envelopes(1, 2, 3))
    await asyncio.sleep(3)
    assert await transport.dead_letters() == []
    assert attempts == [1]
    await service.rows("ALTER TABLE inbox_away RENAME TO inbox")
    await eventually(lambda: effects_are(service, {1: 1, 2: 1, 3: 1}))
    assert attempts == [1, 1, 1]
    assert await transport.dead_letters() == []


async def test_a_terminated_database_session_costs_nothing(
    consumers, transport, service, apply, envelopes, running, eventually, messaging_template
):
    """The session of the first try is killed under the handler, the way a restart does it."""
    tries = []

    async def killed_once(event, envelope, work):
        await apply(event, envelope, work)
        tries.append(event.number)
        if len(tries) == 1:
            pid = (await work.driver()).get_server_pid()
            admin = await asyncpg.connect(messaging_template.url)
            await admin.execute("SELECT pg_terminate_backend($1)", pid)
            await admin.close()
            await asyncio.sleep(0.1)

    running((await consumers(killed_once, max_deliveries=1)).run())
    await transport.publish(envelopes(1))
    await eventually(lambda: effects_are(service, {1: 1}))
    assert tries == [1, 1]
    assert await transport.dead_letters() == []


async def test_when_told_to_stop_it_finishes_what_is_in_hand(
    consumers, transport, service, apply, envelopes, running, eventually
):
    entered = asyncio.Event()

    async def slow(event, envelope, work):
        entered.set()
        await asyncio.sleep(0.5)
        await apply(event, envelope, work)

    task = running((await consumers(slow)).run())
    await transport.publish(envelopes(1, 2))
    await entered.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await service.effects() == {1: 1}


async def test_what_cannot_be_finished_in_time_is_rolled_back_and_given_back(
    broker, consumers, transport, service, apply, envelopes, running, eventually
):
    entered = asyncio.Event()

    async def endless(event, envelope, work):
        await apply(event, envelope, work)
        entered.set()
        await asyncio.Event().wait()

    task = running((await consumers(endless)).run())
    await transport.publish(envelopes(1))
    await entered.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert await service.effects() == {}
    running((await consumers(apply, via=await broker.open("next"))).run())
    await eventually(lambda: effects_are(service, {1: 1}))


async def test_unknown_fields_are_ignored(consumers, transport, service, apply, envelopes, running, eventually):
    running((await consumers(apply)).run())
    sent = envelopes(1)[0]
    newer = sent.model_copy(update={"data": {**sent.data, "added_next_year": [1, 2]}})
    assert Envelope.from_bytes(newer.to_bytes()).data["added_next_year"] == [1, 2]
    await transport.publish([newer])
    await eventually(lambda: effects_are(service, {1: 1}))
