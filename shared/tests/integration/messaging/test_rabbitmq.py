"""What is special to RabbitMQ."""

import asyncio
import os
import signal
import time

import aio_pika
import pytest

from shared.events.envelope import Envelope
from shared.messaging.rabbitmq_topology import DEAD_QUEUE
from shared.messaging.transport import TransportError, TransportUnavailableError, UnroutableError

pytestmark = pytest.mark.broker


@pytest.fixture
def broker_url(rabbitmq_server):
    return rabbitmq_server.url


@pytest.fixture
async def raw(broker):
    async with await aio_pika.connect(broker.url) as connection:
        yield await connection.channel()


async def test_a_broker_that_hangs_is_an_error_within_seconds_and_forgotten_when_it_answers(
    broker, transport, envelopes, rabbitmq_server, eventually
):
    await transport.declare(broker.queue("probe.hang"))
    await transport.publish(envelopes(1))
    os.kill(rabbitmq_server.pid, signal.SIGSTOP)
    started = time.monotonic()
    try:
        with pytest.raises(TransportUnavailableError):
            await transport.publish(envelopes(2))
        with pytest.raises(TransportUnavailableError):
            await transport.check()
    finally:
        os.kill(rabbitmq_server.pid, signal.SIGCONT)
    assert time.monotonic() - started < 20

    async def publishes() -> bool:
        try:
            await transport.publish(envelopes(3))
        except TransportUnavailableError:
            return False
        return True

    await eventually(publishes)


async def test_a_queue_that_is_deleted_under_its_consumer_is_made_anew(
    broker, transport, raw, envelopes, running, eventually, received
):
    got = received()
    running(transport.consume(broker.queue("probe.deleted"), got))
    await eventually(lambda: is_published(transport, envelopes(1)))
    await eventually(lambda: got.numbers == [1])
    await raw.queue_delete("probe.deleted")
    await eventually(lambda: is_published(transport, envelopes(2)))
    await eventually(lambda: 2 in got.numbers)


async def is_published(transport, events) -> bool:
    try:
        await transport.publish(events)
    except UnroutableError:
        return False
    return True


async def test_what_the_broker_itself_gives_up_becomes_a_dead_letter_too(broker, transport, raw, envelopes, eventually):
    await transport.declare(queue := broker.queue("probe.net"))
    await transport.publish(envelopes(1))
    waiting = await raw.get_queue(queue.name)
    for _ in range(101):
        message = await eventually(lambda: waiting.get(fail=False), seconds=10)
        await message.reject(requeue=True)
    letter = (await eventually(transport.dead_letters))[0]
    assert letter.queue == "probe.net"
    assert letter.reason == "parked by the broker: delivery_limit"
    await transport.replay([letter.id])
    again = await eventually(lambda: waiting.get(fail=False))
    assert Envelope.from_bytes(again.body).data["number"] == 1
    await again.ack()


async def test_a_dead_letter_without_its_queue_is_kept_and_the_queue_is_named(
    broker, transport, raw, envelopes, running, eventually, received
):
    async def park(delivery):
        await delivery.park("x")

    consuming = running(transport.consume(queue := broker.queue("probe.gone"), received(park)))
    await eventually(lambda: is_published(transport, envelopes(1)))
    letter = (await eventually(transport.dead_letters))[0]
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    await raw.queue_delete(queue.name)
    with pytest.raises(TransportError, match=r"probe\.gone do not exist"):
        await transport.replay([letter.id])
    assert [kept.id for kept in await transport.dead_letters()] == [letter.id]


async def test_the_type_of_an_event_survives_its_retries(
    broker, transport, envelopes, running, eventually, received, moved
):
    async def fail_then_park(delivery):
        await (delivery.retry(0.05) if delivery.attempt < 3 else delivery.park("enough"))

    await transport.declare(queue := broker.queue("probe.type"))
    await transport.publish(envelopes(1))
    running(transport.consume(queue, received(fail_then_park)))
    letter = (await eventually(transport.dead_letters))[0]
    assert (letter.routing_key, letter.deliveries) == (moved.event_type, 3)


async def test_a_wrong_password_is_said_to_be_one(rabbitmq_server):
    from shared.messaging.rabbitmq import RabbitTransport

    wrong = await RabbitTransport.open(rabbitmq_server.url.replace("procurement:", "procurement:wrong"), "test")
    with pytest.raises(TransportUnavailableError, match="uthentication"):
        await wrong.check()
    await wrong.close()


async def test_messages_are_durable_and_say_what_they_are(broker, transport, raw, envelopes, eventually, moved):
    await transport.declare(queue := broker.queue("probe.durable"))
    sent = envelopes(1)[0]
    await transport.publish([sent])
    message = await (await raw.get_queue(queue.name)).get(timeout=5)
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.content_type == "application/cloudevents+json"
    assert (message.message_id, message.type, message.routing_key) == (str(sent.id), moved.event_type, moved.event_type)
    assert message.exchange == "procurement.events"
    await message.ack()
    for name in (queue.name, DEAD_QUEUE):
        await raw.declare_queue(name, durable=True, passive=True)
