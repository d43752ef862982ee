"""What is special to the embedded transport."""

import asyncio
from datetime import timedelta
from importlib import resources

import asyncpg
import pytest

from shared.messaging import postgres_consumption
from shared.messaging.consumer import Consumers, RetryPolicy, Subscription
from shared.messaging.postgres import PostgresTransport
from shared.messaging.relay import Relay
from shared.messaging.transport import QueueSpec, TransportError, TransportUnavailableError, UnroutableError


@pytest.fixture
def broker_url(database_url):
    return database_url


@pytest.fixture
async def sql(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_a_consumer_that_hangs_loses_its_messages_when_the_lease_ends(
    broker, sql, envelopes, running, eventually, received
):
    release = asyncio.Event()

    async def hang(delivery):
        await release.wait()
        await delivery.park("too late to decide")

    hanging, other = await broker.open("hanging"), await broker.open("other")
    await other.declare(queue := broker.queue("probe.lease"))
    await other.publish(envelopes(1))
    stuck, got = received(hang), received()
    running(hanging.consume(queue, stuck))
    await eventually(lambda: stuck.deliveries)
    running(other.consume(queue, got))
    await asyncio.sleep(1.5)
    assert got.deliveries == []
    await sql.execute("UPDATE bus.message SET leased_until = now() - interval '1 second'")
    await eventually(lambda: got.numbers == [1])
    assert got.deliveries[0].attempt == 2
    release.set()
    await asyncio.sleep(0.2)
    assert await other.dead_letters() == []


async def test_a_handler_that_takes_longer_than_the_lease_keeps_its_message(
    broker, envelopes, running, eventually, received, monkeypatch
):
    monkeypatch.setattr(postgres_consumption, "LEASE", timedelta(seconds=0.8))
    monkeypatch.setattr(postgres_consumption, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(postgres_consumption, "RENEW_TICKS", 2)

    async def take_long(delivery):
        await asyncio.sleep(2.5)
        await delivery.ack()

    one, two = await broker.open("one"), await broker.open("two")
    await one.declare(queue := broker.queue("probe.long"))
    await one.publish(envelopes(1))
    slow, other = received(take_long), received()
    running(one.consume(queue, slow))
    await eventually(lambda: slow.deliveries)
    running(two.consume(queue, other))
    await asyncio.sleep(3)
    assert [delivery.attempt for delivery in slow.deliveries] == [1]
    assert other.deliveries == []


async def test_an_effect_committed_after_the_lease_was_lost_still_settles_the_message(
    broker, sql, envelopes, running, eventually, received
):
    entered, release = asyncio.Event(), asyncio.Event()

    async def finish_late(delivery):
        entered.set()
        await release.wait()
        await delivery.ack()

    transport = await broker.open()
    await transport.declare(queue := broker.queue("probe.late-ack"))
    await transport.publish(envelopes(1))
    running(transport.consume(queue, received(finish_late)))
    await entered.wait()
    await sql.execute("UPDATE bus.message SET holder = NULL, visible_at = now() + interval '1 hour'")
    release.set()

    async def is_empty() -> bool:
        return await sql.fetchval("SELECT count(*) FROM bus.message") == 0

    await eventually(is_empty)


async def test_declaring_again_replaces_the_patterns(broker, transport, envelopes):
    await transport.declare(QueueSpec("probe.changed", ("data.probe.moved.v1", "data.other.#")))
    await transport.declare(QueueSpec("probe.changed", ("data.probe.moved.v2",)))
    with pytest.raises(UnroutableError):
        await transport.publish(envelopes(1))


async def test_the_schema_can_be_applied_again_and_keeps_its_content(
    broker, transport, envelopes, sql, messaging_template
):
    await transport.declare(broker.queue("probe.kept"))
    await transport.publish(envelopes(1))
    name = await sql.fetchval("SELECT current_database()")
    admin = await asyncpg.connect(messaging_template.url_for(name))
    await admin.execute((resources.files("shared.messaging") / "postgres_schema.sql").read_text(encoding="utf-8"))
    await admin.close()
    assert await sql.fetchval("SELECT count(*) FROM bus.message") == 1


async def test_the_services_may_use_the_bus_but_not_change_it(sql):
    for statement in (
        "CREATE TABLE bus.mine ()",
        "DROP TABLE bus.message",
        "ALTER TABLE bus.dead ADD x int",
        "TRUNCATE bus.message",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sql.execute(statement)


async def test_a_database_without_the_schema_is_an_error_that_says_how_to_make_it(messaging_template):
    bare = await PostgresTransport.open(messaging_template.url, "test")
    with pytest.raises(TransportError, match=r"shared\.database\.bootstrap"):
        await bare.check()
    await bare.close()


async def test_a_server_that_is_away_is_unavailable():
    nowhere = await PostgresTransport.open("postgresql://u:p@127.0.0.1:1/x", "test")
    with pytest.raises(TransportUnavailableError):
        await nowhere.check()
    await nowhere.close()


async def test_relay_and_consumers_go_on_after_the_database_server_was_killed(
    broker, transport, service, apply, moved, running, eventually, messaging_template
):
    """Everything is away at once: tables, bus and locks. Nothing is lost, doubled or parked."""
    consumers = Consumers(
        "data",
        service.database.unit_of_work,
        transport,
        [Subscription(moved, apply, max_deliveries=2)],
        RetryPolicy(delays_seconds=(0.05,)),
    )
    await consumers.declare()
    running(Relay(service.database.engine, service.database.outbox, transport, poll_seconds=0.2).run())
    running(consumers.run())
    for start in (0, 100, 200):
        await service.publish(*(moved(number=n) for n in range(start, start + 100)))
        await asyncio.sleep(0.1)
        messaging_template.kill()
        await asyncio.sleep(0.5)
        messaging_template.restart()

    async def all_applied() -> bool:
        try:
            return await service.effects() == dict.fromkeys(range(300), 1)
        except (OSError, asyncpg.PostgresError):
            return False

    await eventually(all_applied, seconds=60)
    assert await transport.dead_letters() == []
