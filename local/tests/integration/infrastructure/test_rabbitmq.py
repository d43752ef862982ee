"""The private RabbitMQ node: user, crash, restart, nothing left behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import pytest

from local.infrastructure.processes import wait_until
from local.infrastructure.rabbitmq import RabbitmqServer, start_rabbitmq

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(shutil.which("rabbitmq-server") is None, reason="RabbitMQ is not installed on this machine"),
]
QUEUE = "kept"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    with start_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as started:
        yield started


async def declare(url: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})


async def publish(url: str, body: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await asyncio.wait_for(channel.default_exchange.publish(message, QUEUE, mandatory=True), 20)


async def take(url: str) -> bytes:
    """From the queue that is there (declaring it anew would hide that it is gone), once it has elected its leader."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(QUEUE)
        async with queue.iterator(timeout=20) as messages:
            message = await anext(messages)
            await message.ack()
            return message.body


def test_confirmed_messages_survive_a_crash_on_the_same_port(node: RabbitmqServer) -> None:
    """In a quorum queue, as every consumer here has. Only a confirmed message carries a promise: the queue is older."""
    asyncio.run(declare(node.url))
    time.sleep(3)
    asyncio.run(publish(node.url, b"confirmed"))
    url = node.url
    node.kill()
    assert not node.running
    node.restart()
    assert node.url == url
    assert asyncio.run(take(url)) == b"confirmed"


def test_only_its_own_user_gets_in(node: RabbitmqServer) -> None:
    with pytest.raises(aio_pika.exceptions.AMQPConnectionError):
        asyncio.run(publish(f"amqp://guest:guest@127.0.0.1:{node.port}/", b"no"))
    assert node.password not in Path(f"/proc/{node.pid}/cmdline").read_text()


@pytest.mark.timeout(240)
def test_node_and_port_mapper_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from local.infrastructure.rabbitmq import start_rabbitmq\n"
        "with start_rabbitmq(Path(sys.argv[1])) as node: print(node.home, flush=True); time.sleep(200)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        home = parent.stdout.readline().strip()
        assert len(mentioning(home)) >= 1
        os.kill(parent.pid, signal.SIGKILL)
    assert wait_until(lambda: not mentioning(home), 20, 0.2)


def mentioning(home: str) -> list[str]:
    """Live processes that name the folder on their command line, or work in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_text().replace("\0", " ")
            folder = str((entry / "cwd").readlink())
        except OSError:
            continue
        if int(entry.name) != os.getpid() and "python" not in line and (home in line or folder == home):
            found.append(line)
    return found


def test_it_starts_within_a_minute(tmp_path: Path) -> None:
    began = time.monotonic()
    with start_rabbitmq(tmp_path):
        assert time.monotonic() - began < 60
