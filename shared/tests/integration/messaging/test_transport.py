"""What every transport promises, over all of them."""

import asyncio
import contextlib

import pytest

from shared.events.envelope import Envelope
from shared.messaging.transport import QueueSpec, UnroutableError, dead_letter_id


def wanted(delivery_or_letter) -> int:
    return Envelope.from_bytes(delivery_or_letter.body).data["number"]


async def stop(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("data.probe.moved.v1", True),
        ("data.*.moved.v1", True),
        ("data.#", True),
        ("#", True),
        ("#.v1", True),
        ("data.probe.moved.v1.#", True),
        ("data.*", False),
        ("data.probe.moved.v2", False),
        ("*.moved.v1", False),
        ("data.probe.stopped.v1", False),
    ],
)
async def test_topic_patterns_decide_who_gets_an_event(
    broker, transport, envelopes, running, eventually, received, pattern, matches
):
    got, control = received(), received()
    await transport.declare(queue := broker.queue("probe.pattern", pattern))
    await transport.declare(everything := broker.queue("probe.everything", "#"))
    await transport.publish(envelopes(1))
    running(transport.consume(everything, control))
    await eventually(lambda: control.numbers == [1])
    running(transport.consume(queue, got))
    if matches:
        await eventually(lambda: got.numbers == [1])
    else:
        await asyncio.sleep(0.3)
        assert got.numbers == []


async def test_every_queue_gets_its_own_copy_once_even_when_two_patterns_match(
    broker, transport, envelopes, running, eventually, received
):
    one, two = received(), received()
    await transport.declare(first := broker.queue("probe.one", "data.probe.moved.v1", "data.#"))
    await transport.declare(second := broker.queue("probe.two"))
    await transport.publish(envelopes(1, 2, 3))
    running(transport.consume(first, one))
    running(transport.consume(second, two))
    await eventually(lambda: len(one.numbers) == 3 and len(two.numbers) == 3)
    await asyncio.sleep(0.2)
    assert one.numbers == two.numbers == [1, 2, 3]


async def test_the_envelope_arrives_unchanged_and_deliveries_begin_at_one(
    broker, transport, envelopes, running, eventually, received
):
    got = received()
    await transport.declare(queue := broker.queue("probe.same"))
    sent = envelopes(7)
    await transport.publish(sent)
    running(transport.consume(queue, got))
    await eventually(lambda: got.deliveries)
    assert [Envelope.from_bytes(d.body) for d in got.deliveries] == sent
    assert got.deliveries[0].attempt == 1
    assert got.deliveries[0].queue == "probe.same"


async def test_order_of_publication_is_kept(broker, transport, envelopes, running, eventually, received):
    got = received()
    await transport.declare(queue := broker.queue("probe.order"))
    for start in range(0, 500, 100):
        await transport.publish(envelopes(*range(start, start + 100)))
    running(transport.consume(queue, got))
    await eventually(lambda: len(got.numbers) == 500)
    assert got.numbers == list(range(500))


async def test_an_acknowledged_event_does_not_come_again(broker, transport, envelopes, running, eventually, received):
    got, again = received(), received()
    await transport.declare(queue := broker.queue("probe.ack"))
    await transport.publish(envelopes(1, 2))
    consuming = running(transport.consume(queue, got))
    await eventually(lambda: len(got.numbers) == 2)
    await asyncio.sleep(0.1)
    consuming.cancel()
    running((await broker.open("second")).consume(queue, again))
    await asyncio.sleep(1.5)
    assert again.numbers == []


async def test_events_wait_for_a_consumer_that_comes_later(broker, transport, envelopes, running, eventually, received):
    await transport.declare(queue := broker.queue("probe.later"))
    await transport.publish(envelopes(1))
    await transport.close()
    got = received()
    running((await broker.open("later")).consume(queue, got))
    await eventually(lambda: got.numbers == [1])


async def test_a_consumer_that_lost_its_connection_loses_its_delivery_to_another(
    broker, envelopes, running, eventually, received
):
    victim, survivor = await broker.open("victim"), await broker.open("survivor")
    entered, forever = asyncio.Event(), asyncio.Event()

    async def hang(delivery):
        entered.set()
        await forever.wait()

    await survivor.declare(queue := broker.queue("probe.death"))
    await survivor.publish(envelopes(1, 2, 3))
    running(victim.consume(queue, hang))
    await entered.wait()
    await victim.close()
    got = received()
    running(survivor.consume(queue, got))
    await eventually(lambda: len(got.numbers) == 3)
    assert got.numbers == [1, 2, 3]
    assert [d.attempt for d in got.deliveries] == [2, 1, 1]


async def test_a_retry_comes_after_its_delay_and_counts(broker, transport, envelopes, running, eventually, received):
    times = []

    async def fail_first(delivery):
        times.append(asyncio.get_running_loop().time())
        await (delivery.retry(0.5) if delivery.attempt == 1 else delivery.ack())

    got = received(fail_first)
    await transport.declare(queue := broker.queue("probe.retry"))
    await transport.publish(envelopes(1))
    running(transport.consume(queue, got))
    await eventually(lambda: len(times) == 2)
    assert times[1] - times[0] >= 0.5
    assert [d.attempt for d in got.deliveries] == [1, 2]


async def test_others_pass_while_one_waits_for_its_retry(broker, transport, envelopes, running, eventually, received):
    async def fail_one(delivery):
        await (delivery.retry(1.0) if wanted(delivery) == 1 and delivery.attempt == 1 else delivery.ack())

    got = received(fail_one)
    await transport.declare(queue := broker.queue("probe.pass"))
    await transport.publish(envelopes(1, 2, 3))
    running(transport.consume(queue, got))
    await eventually(lambda: len(got.numbers) == 4)
    assert got.numbers == [1, 2, 3, 1]


async def test_a_retry_goes_to_its_own_queue_only(broker, transport, envelopes, running, eventually, received):
    async def fail_first(delivery):
        await (delivery.retry(0.1) if delivery.attempt == 1 else delivery.ack())

    failing, other = received(fail_first), received()
    await transport.declare(one := broker.queue("probe.failing"))
    await transport.declare(two := broker.queue("probe.other"))
    await transport.publish(envelopes(1))
    running(transport.consume(one, failing))
    running(transport.consume(two, other))
    await eventually(lambda: len(failing.numbers) == 2)
    await asyncio.sleep(0.3)
    assert other.numbers == [1]


async def test_a_released_delivery_is_offered_again(broker, transport, envelopes, running, eventually, received):
    times = []

    async def release_first(delivery):
        times.append(1)
        await (delivery.release() if len(times) == 1 else delivery.ack())

    got = received(release_first)
    await transport.declare(queue := broker.queue("probe.release"))
    await transport.publish(envelopes(1))
    running(transport.consume(queue, got))
    await eventually(lambda: len(got.numbers) == 2)


async def test_a_handler_that_forgets_to_settle_gets_the_delivery_again(
    broker, transport, envelopes, running, eventually, received
):
    async def forget_first(delivery):
        if len(got.deliveries) > 1:
            await delivery.ack()

    got = received(forget_first)
    await transport.declare(queue := broker.queue("probe.forget"))
    await transport.publish(envelopes(1))
    running(transport.consume(queue, got))
    await eventually(lambda: len(got.numbers) == 2)


async def test_a_parked_delivery_is_a_dead_letter_with_its_reason(
    broker, transport, envelopes, running, eventually, received
):
    async def park(delivery):
        await delivery.park("the reason")

    await transport.declare(queue := broker.queue("probe.park"))
    sent = envelopes(1)
    await transport.publish(sent)
    running(transport.consume(queue, received(park)))
    letter = (await eventually(transport.dead_letters))[0]
    assert (letter.queue, letter.routing_key) == ("probe.park", "data.probe.moved.v1")
    assert (letter.reason, letter.deliveries) == ("the reason", 1)
    assert Envelope.from_bytes(letter.body) == sent[0]
    assert letter.id == dead_letter_id("probe.park", letter.body)
    assert letter.parked_at is not None


async def test_after_the_delivery_limit_a_consumer_killer_is_parked_without_meeting_the_handler(
    broker, envelopes, running, eventually, received
):
    meetings = 0
    watcher = await broker.open("watcher")
    await watcher.declare(queue := broker.queue("probe.killer", max_deliveries=2))
    await watcher.publish(envelopes(1))
    for _ in range(2):
        victim, entered = await broker.open("victim"), asyncio.Event()

        async def die(delivery, entered=entered):
            nonlocal meetings
            meetings += 1
            entered.set()
            await asyncio.Event().wait()

        running(victim.consume(queue, die))
        await asyncio.wait_for(entered.wait(), 20)
        await victim.close()
    got = received()
    running(watcher.consume(queue, got))
    letter = (await eventually(watcher.dead_letters))[0]
    assert meetings == 2
    assert got.numbers == []
    assert "died or lost its connection" in letter.reason
    assert wanted(letter) == 1


async def test_one_that_kills_its_consumer_does_not_take_the_innocent_with_it(
    broker, envelopes, running, eventually, received
):
    """1 poison and 99 good with a prefetch of 50: exactly one is parked."""
    watcher = await broker.open("watcher")
    await watcher.declare(queue := broker.queue("probe.poison", max_deliveries=3, prefetch=50))
    await watcher.publish(envelopes(*range(100)))
    applied: list[int] = []
    for _ in range(4):
        victim, died = await broker.open("victim"), asyncio.Event()

        async def handle(delivery, died=died):
            if wanted(delivery) == 30:
                died.set()
                await asyncio.Event().wait()
            applied.append(wanted(delivery))
            await delivery.ack()

        consuming = running(victim.consume(queue, handle))
        dying = asyncio.create_task(died.wait())
        await eventually(lambda dying=dying: dying.done() or len(applied) == 99, seconds=40)
        await victim.close()
        await stop(consuming)
        await stop(dying) if not dying.done() else None
    assert sorted(applied) == [n for n in range(100) if n != 30]
    letters = await watcher.dead_letters()
    assert [wanted(letter) for letter in letters] == [30]


async def test_a_replayed_dead_letter_returns_to_its_queue_only_with_a_fresh_count(
    broker, transport, envelopes, running, eventually, received
):
    repaired = False

    async def park_until_repaired(delivery):
        await (delivery.ack() if repaired else delivery.park("not repaired"))

    failing, other = received(park_until_repaired), received()
    await transport.declare(one := broker.queue("probe.replay"))
    await transport.declare(two := broker.queue("probe.bystander"))
    await transport.publish(envelopes(1, 2))
    running(transport.consume(one, failing))
    running(transport.consume(two, other))
    letters = await eventually(lambda: has(transport, 2))
    repaired = True
    replayed = await transport.replay([letters[0].id])
    assert [letter.id for letter in replayed] == [letters[0].id]
    await eventually(lambda: len(failing.numbers) == 3)
    await asyncio.sleep(0.3)
    assert failing.numbers == [1, 2, 1]
    assert failing.deliveries[2].attempt == 1
    assert other.numbers == [1, 2]
    assert [letter.id for letter in await transport.dead_letters()] == [letters[1].id]


async def has(transport, count):
    letters = await transport.dead_letters()
    return letters if len(letters) == count else None


async def test_dead_letters_are_listed_by_queue_bounded_and_as_often_as_one_likes(
    broker, transport, envelopes, running, eventually, received
):
    async def park(delivery):
        await delivery.park("x")

    for name in ("probe.listed", "probe.unlisted"):
        await transport.declare(queue := broker.queue(name))
        running(transport.consume(queue, received(park)))
    await transport.publish(envelopes(1, 2, 3))
    await eventually(lambda: has(transport, 6))
    for _ in range(25):
        assert len(await transport.dead_letters()) == 6
    assert {letter.queue for letter in await transport.dead_letters("probe.listed")} == {"probe.listed"}
    assert [wanted(letter) for letter in await transport.dead_letters("probe.listed")] == [1, 2, 3]
    assert len(await transport.dead_letters(limit=4)) == 4


async def test_a_discarded_dead_letter_is_gone_and_an_unknown_one_is_not_found(
    broker, transport, envelopes, running, eventually, received
):
    async def park(delivery):
        await delivery.park("x")

    await transport.declare(queue := broker.queue("probe.discard"))
    running(transport.consume(queue, received(park)))
    await transport.publish(envelopes(1))
    letter = (await eventually(transport.dead_letters))[0]
    assert [found.id for found in await transport.discard([letter.id])] == [letter.id]
    assert await transport.dead_letters() == []
    assert await transport.discard([letter.id]) == []
    assert await transport.replay([letter.id]) == []


async def test_unroutable_events_are_named_and_the_others_are_published(
    broker, transport, envelopes, running, eventually, received
):
    got = received()
    await transport.declare(queue := broker.queue("probe.routable"))
    good, bad = envelopes(1, 2), envelopes(3, 4)
    bad = [one.model_copy(update={"type": "data.probe.unknown.v1"}) for one in bad]
    with pytest.raises(UnroutableError) as caught:
        await transport.publish([good[0], bad[0], good[1], bad[1]])
    assert caught.value.event_ids == {bad[0].id, bad[1].id}
    assert str(bad[0].id) in str(caught.value)
    running(transport.consume(queue, got))
    await eventually(lambda: got.numbers == [1, 2])


async def test_nobody_is_handed_more_than_the_prefetch(broker, transport, envelopes, running, eventually, received):
    """While one consumer sits on its first message, another one gets all but what the first had prefetched."""
    blocked = asyncio.Event()

    async def sit(delivery):
        await blocked.wait()
        await delivery.ack()

    await transport.declare(queue := broker.queue("probe.prefetch", prefetch=3))
    await transport.publish(envelopes(*range(20)))
    slow, fast = received(sit), received()
    running(transport.consume(queue, slow))
    await eventually(lambda: slow.deliveries)
    running((await broker.open("fast")).consume(queue, fast))
    await eventually(lambda: len(fast.numbers) >= 17)
    blocked.set()
    await eventually(lambda: len(fast.numbers) + len(slow.numbers) == 20)
    assert sorted(fast.numbers + slow.numbers) == list(range(20))
    assert len(slow.numbers) <= 3


async def test_publishing_nothing_and_declaring_twice_are_fine(broker, transport):
    queue = broker.queue("probe.twice")
    await transport.declare(queue)
    await transport.declare(queue)
    await transport.declare(QueueSpec(queue.name, queue.routing_keys, max_deliveries=9, prefetch=7))
    await transport.publish([])
    await transport.check()
