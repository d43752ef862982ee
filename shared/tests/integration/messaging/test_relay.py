"""From the outbox to the queues, over both transports."""

import asyncio
import contextlib
import random
from uuid import UUID

import pytest
from sqlalchemy import text

from shared.events.envelope import Envelope
from shared.messaging.relay import Relay


@pytest.fixture
async def arrived(broker, transport, running, received):
    """What reaches the queue of the test event."""
    got = received()
    await transport.declare(queue := broker.queue("probe.arrived"))
    running(transport.consume(queue, got))
    return got


@pytest.fixture
def relay(service, transport):
    return Relay(service.database.engine, service.database.outbox, transport, poll_seconds=0.2)


async def unpublished(service) -> int:
    return await service.value("SELECT count(*) FROM outbox WHERE published_at IS NULL")


async def all_published(service) -> bool:
    return await unpublished(service) == 0


async def test_committed_events_are_published_as_they_are_and_marked(
    service, relay, arrived, moved, running, eventually
):
    await service.publish(moved(number=1), moved(number=2), subject="order-7")
    running(relay.run())
    await eventually(lambda: arrived.numbers == [1, 2])
    await eventually(lambda: all_published(service))
    rows = await service.rows("SELECT id FROM outbox ORDER BY sequence")
    received = [Envelope.from_bytes(delivery.body) for delivery in arrived.deliveries]
    assert [envelope.id for envelope in received] == [row["id"] for row in rows]
    assert {envelope.subject for envelope in received} == {"order-7"}


async def test_what_was_rolled_back_is_never_published(service, relay, arrived, moved, running, eventually):
    async with service.database.unit_of_work() as work:
        await work.publish(moved(number=1), subject="a")
    await service.publish(moved(number=2))
    running(relay.run())
    await eventually(lambda: arrived.numbers)
    assert arrived.numbers == [2]


async def test_a_commit_wakes_the_relay_at_once(service, transport, arrived, moved, running, eventually):
    running(Relay(service.database.engine, service.database.outbox, transport, poll_seconds=30).run())
    await service.publish(moved(number=0))
    await eventually(lambda: arrived.numbers == [0])
    await asyncio.sleep(0.3)
    started = asyncio.get_running_loop().time()
    await service.publish(moved(number=1))
    await eventually(lambda: arrived.numbers == [0, 1])
    assert asyncio.get_running_loop().time() - started < 5


async def test_a_late_commit_with_an_early_sequence_number_is_published(
    service, relay, arrived, moved, running, eventually
):
    running(relay.run())
    async with service.database.unit_of_work() as late:
        await late.publish(moved(number=1), subject="late")
        await service.publish(moved(number=2), moved(number=3))
        await eventually(lambda: arrived.numbers == [2, 3])
        await late.commit()
    await eventually(lambda: arrived.numbers == [2, 3, 1])


async def test_two_relays_and_random_commit_delays_keep_the_order_of_every_aggregate(
    broker, service, relay, arrived, moved, running, eventually
):
    """20 aggregates with 25 events each: no gap and no inversion."""
    second = Relay(service.database.engine, service.database.outbox, await broker.open("second"), poll_seconds=0.2)
    running(relay.run())
    running(second.run())
    dice = random.Random(7)

    async def live(aggregate: str) -> None:
        for number in range(25):
            async with service.database.unit_of_work() as work:
                await work.publish(moved(number=number, aggregate=aggregate), subject=aggregate)
                await asyncio.sleep(dice.random() * 0.02)
                await work.commit()

    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(live(f"aggregate-{n}"))

    def first_arrivals() -> dict[UUID, Envelope]:
        """A confirmation that came too late means a second copy on the wire; a dict keeps the place of the first."""
        return {e.id: e for e in (Envelope.from_bytes(d.body) for d in arrived.deliveries)}

    await eventually(lambda: len(first_arrivals()) == 500, seconds=40)
    by_aggregate: dict[str, list[int]] = {}
    for envelope in first_arrivals().values():
        by_aggregate.setdefault(envelope.subject, []).append(envelope.data["number"])
    assert len(by_aggregate) == 20
    assert all(numbers == list(range(25)) for numbers in by_aggregate.values())


async def test_the_stand_in_takes_over_when_the_active_relay_goes(
    broker, service, relay, arrived, moved, running, eventually
):
    first = running(relay.run())
    await service.publish(moved(number=1))
    await eventually(lambda: arrived.numbers == [1])
    running(Relay(service.database.engine, service.database.outbox, await broker.open("b"), poll_seconds=0.2).run())
    await asyncio.sleep(0.3)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    await service.publish(moved(number=2))
    await eventually(lambda: arrived.numbers == [1, 2])


async def test_events_without_a_queue_stay_with_the_reason_and_block_nobody(
    broker, transport, service, relay, arrived, moved, stopped, running, eventually, received
):
    await service.publish(*(stopped(number=n) for n in range(150)), subject="b")
    await service.publish(moved(number=1))
    running(relay.run())
    await eventually(lambda: arrived.numbers == [1])
    rows = await service.rows("SELECT attempts, last_error FROM outbox WHERE published_at IS NULL AND attempts > 0")
    assert rows
    assert all("no queue takes this type" in row["last_error"] for row in rows)
    assert await unpublished(service) == 150
    await service.publish(moved(number=2))
    await eventually(lambda: arrived.numbers == [1, 2])

    late = received()
    await transport.declare(queue := broker.queue("probe.late", stopped.event_type))
    running(transport.consume(queue, late))
    await service.publish(stopped(number=150), subject="b")
    await eventually(lambda: len(late.numbers) == 151)
    assert late.numbers == list(range(151))
    await eventually(lambda: all_published(service))


async def test_a_row_that_is_no_envelope_stays_with_the_reason_and_blocks_nobody(
    service, relay, arrived, moved, running, eventually
):
    await service.publish(moved(number=1), moved(number=2))
    await service.rows("UPDATE outbox SET envelope = '{\"broken\": true}' WHERE sequence = 1")
    running(relay.run())
    await eventually(lambda: arrived.numbers == [2])
    row = (await service.rows("SELECT published_at, attempts, last_error FROM outbox WHERE sequence = 1"))[0]
    assert (row["published_at"], row["attempts"]) == (None, 1)
    assert "source" in row["last_error"]


async def test_the_relay_survives_the_loss_of_its_database_session(
    service, relay, arrived, moved, running, eventually, messaging_template
):
    running(relay.run())
    await service.publish(moved(number=1))
    await eventually(lambda: arrived.numbers == [1])
    ended = await service.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'procurement-data'"
        " AND pid <> pg_backend_pid()"
    )
    assert ended
    await service.publish(moved(number=2))
    await eventually(lambda: arrived.numbers[-1] == 2)


async def test_rows_published_long_ago_are_pruned_and_recent_and_waiting_ones_kept(
    service, relay, arrived, moved, running, eventually
):
    await service.publish(*(moved(number=n) for n in range(3)))
    old = "created_at = now() - interval '30 days', published_at = now() - interval '8 days'"
    await service.rows(f"UPDATE outbox SET {old} WHERE sequence = 1")
    await service.rows("UPDATE outbox SET published_at = now() - interval '6 days' WHERE sequence = 2")
    running(relay.run())
    await eventually(lambda: arrived.numbers == [2])
    assert [row["sequence"] for row in await service.rows("SELECT sequence FROM outbox ORDER BY 1")] == [2, 3]


async def test_depth_and_age_of_the_outbox_are_measured(service, transport, moved, stopped, running, eventually):
    from shared.messaging.metrics import OUTBOX_OLDEST_AGE, OUTBOX_UNPUBLISHED, RELAY_ACTIVE

    await service.publish(stopped(number=1), stopped(number=2))
    await service.rows("UPDATE outbox SET created_at = now() - interval '100 seconds' WHERE sequence = 1")
    OUTBOX_UNPUBLISHED.labels("data").set(0)  # the metrics of the process outlive the tests before this one
    task = running(Relay(service.database.engine, service.database.outbox, transport).run())
    await eventually(lambda: OUTBOX_UNPUBLISHED.labels("data")._value.get() == 2)
    assert 95 < OUTBOX_OLDEST_AGE.labels("data")._value.get() < 130
    assert RELAY_ACTIVE.labels("data")._value.get() == 1
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert RELAY_ACTIVE.labels("data")._value.get() == 0


async def test_a_stopped_relay_leaves_no_lock_in_the_pool(service, relay, arrived, moved, running, eventually):
    task = running(relay.run())
    await service.publish(moved(number=1))
    await eventually(lambda: arrived.numbers == [1])
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    async with service.database.engine.connect() as connection:
        locks = await connection.execute(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1")
        )
        await eventually(lambda: True)
        assert locks.scalar_one() == 0
