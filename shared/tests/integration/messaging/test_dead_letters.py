"""The command, over both transports."""

import asyncio
import json

import pytest

from shared.events.envelope import Envelope
from shared.messaging.dead_letters import main


@pytest.fixture
async def command(broker, capsys):
    async def run(*arguments):
        code = await asyncio.to_thread(main, [arguments[0], "--url", broker.url, *arguments[1:]])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
async def parked(broker, transport, envelopes, running, eventually, received):
    """Three dead letters of one queue, and what arrives there after the repair."""
    state = {"repaired": False}

    async def park(delivery):
        await (delivery.ack() if state["repaired"] else delivery.park("no price"))

    got = received(park)
    await transport.declare(queue := broker.queue("probe.command"))
    await transport.publish(envelopes(1, 2, 3))
    running(transport.consume(queue, got))

    async def all_three():
        letters = await transport.dead_letters()
        return letters if len(letters) == 3 else None

    letters = await eventually(all_three)
    state["repaired"] = True
    return letters, got


async def test_list_prints_one_line_each_and_show_the_whole_letter(command, parked):
    letters, _ = parked
    code, out, _ = await command("list")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["id"] for line in lines] == [str(letter.id) for letter in letters]
    assert {(line["queue"], line["type"], line["reason"]) for line in lines} == {
        ("probe.command", "data.probe.moved.v1", "no price")
    }
    code, out, _ = await command("show", str(letters[1].id))
    assert code == 0
    assert json.loads(out)["body"]["data"]["number"] == Envelope.from_bytes(letters[1].body).data["number"]
    code, out, _ = await command("list", "--queue", "probe.another")
    assert (code, out) == (0, "")


async def test_replay_by_id_then_by_queue_brings_all_back(command, parked, eventually):
    letters, got = parked
    code, out, _ = await command("replay", str(letters[0].id))
    assert (code, json.loads(out)["action"]) == (0, "replayed")
    await eventually(lambda: len(got.numbers) == 4)
    code, out, _ = await command("replay", "--queue", "probe.command")
    assert (code, len(out.splitlines())) == (0, 2)
    await eventually(lambda: sorted(got.numbers) == [1, 1, 2, 2, 3, 3])
    assert (await command("list"))[1] == ""


async def test_discard_all_leaves_nothing(command, parked):
    code, out, _ = await command("discard", "--all")
    assert (code, len(out.splitlines())) == (0, 3)
    assert (await command("list"))[1] == ""


async def test_an_unknown_id_is_reported_and_the_known_ones_are_done(command, parked):
    letters, _ = parked
    unknown = "00000000-0000-0000-0000-000000000000"
    code, out, err = await command("discard", str(letters[0].id), unknown)
    assert (code, len(out.splitlines())) == (1, 1)
    assert unknown in err
    code, _, err = await command("show", unknown)
    assert (code, unknown in err) == (1, True)


@pytest.mark.parametrize(
    "arguments", [["replay"], ["discard"], ["replay", "--all", "--queue", "x"], ["show"], ["list", "x"]]
)
def test_unclear_orders_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main([arguments[0], "--url", "amqp://127.0.0.1:1/", *arguments[1:]])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_without_an_address_it_says_how_to_give_one(capsys, monkeypatch):
    monkeypatch.delenv("BROKER_URL", raising=False)
    with pytest.raises(SystemExit):
        main(["list"])
    assert "BROKER_URL" in capsys.readouterr().err


def test_a_broker_that_is_away_is_one_line_not_a_trace(capsys):
    assert main(["list", "--url", "amqp://127.0.0.1:1/"]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "RabbitMQ" in captured.err
