"""The users and permissions that docker-compose.yml gives RabbitMQ, on a real node."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aio_pika
import pytest
import yaml
from aio_pika.exceptions import ChannelClosed, ProbableAuthenticationError

from local.errors import LocalError
from local.infrastructure.rabbitmq import RabbitmqServer
from shared.events.data import ImportFailedV1
from shared.events.envelope import Envelope
from shared.messaging.connect import open_transport
from shared.messaging.transport import Delivery, QueueSpec

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]


def definitions() -> str:
    """As compose fills them in: every password is the name of its variable."""
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    text: str = compose["configs"]["rabbitmq_definitions"]["content"]
    return re.sub(r"\$\{([A-Z_]+)[^}]*\}", r"\1", text).replace("$$", "$")


class DefinedServer(RabbitmqServer):
    """Starts with the definitions, so without a default user, as in the container."""

    def _configuration(self) -> str:
        path = self.home / "definitions.json"
        path.write_text(definitions(), encoding="utf-8")
        kept = [row for row in super()._configuration().splitlines() if not row.startswith("default_")]
        return "\n".join([*kept, f"load_definitions = {path}"]) + "\n"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DefinedServer]:
    try:
        server = DefinedServer(tmp_path_factory.mktemp("broker"), None)
    except LocalError as error:
        pytest.skip(str(error))
    with server:
        yield server


def url(node: DefinedServer, user: str, password: str | None = None) -> str:
    return f"amqp://{user}:{password or user.upper() + '_BROKER_PASSWORD'}@127.0.0.1:{node.port}/procurement"


def failed_import() -> Envelope:
    event = ImportFailedV1(
        import_id=uuid4(),
        kind="sales",
        origin="upload",
        code="unreadable",
        detail="No such column.",
        duration_seconds=1,
    )
    return Envelope.of(event, source="/procurement/data", subject=str(event.import_id))


def test_the_definitions_are_json_with_one_user_per_service() -> None:
    content = json.loads(definitions())
    users = {user["name"] for user in content["users"]}
    assert users == {"admin", "gateway", "data", "forecast", "notification", "monitoring", "storage"}
    assert {p["user"] for p in content["permissions"]} == users


async def test_an_event_goes_from_its_owner_to_a_consumer_through_their_own_users(node: DefinedServer) -> None:
    queue = QueueSpec("monitoring.data.import.failed.v1", ("data.import.failed.v1",))
    received: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()

    async def handle(delivery: Delivery) -> None:
        received.put_nowait((delivery.body, delivery.attempt))
        if delivery.attempt == 1:
            await delivery.retry(0.1)  # needs a waiting place of its own at the broker
        else:
            await delivery.park("tried twice")

    async with (
        open_transport(url(node, "data"), "test") as owner,
        open_transport(url(node, "monitoring"), "test") as reader,
    ):
        await reader.declare(queue)
        consuming = asyncio.create_task(reader.consume(queue, handle))
        envelope = failed_import()
        await owner.publish([envelope])
        for attempt in (1, 2):
            body, counted = await asyncio.wait_for(received.get(), 20)
            assert Envelope.from_bytes(body).id == envelope.id
            assert counted == attempt
        for _ in range(50):
            if letters := await reader.dead_letters(queue.name):
                break
            await asyncio.sleep(0.1)
        assert [letter.reason for letter in letters] == ["tried twice"]
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)


async def test_the_gateway_listens_and_can_publish_nothing(node: DefinedServer) -> None:
    queue = QueueSpec("gateway.data.import.failed.v1", ("data.import.failed.v1",))
    received: asyncio.Queue[int] = asyncio.Queue()

    async def handle(delivery: Delivery) -> None:
        received.put_nowait(delivery.attempt)
        await (delivery.retry(0.1) if delivery.attempt == 1 else delivery.park("tried twice"))

    async with (
        open_transport(url(node, "data"), "test") as owner,
        open_transport(url(node, "gateway"), "test") as reader,
    ):
        await reader.check()
        await reader.declare(queue)
        consuming = asyncio.create_task(reader.consume(queue, handle))
        await owner.publish([failed_import()])
        assert [await asyncio.wait_for(received.get(), 20) for _ in range(2)] == [1, 2]
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)
    async with await aio_pika.connect(url(node, "gateway")) as connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange("procurement.events", ensure=False)
        with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
            await exchange.publish(aio_pika.Message(b"{}"), "data.import.failed.v1", mandatory=False, timeout=10)


async def test_nobody_publishes_in_the_name_of_another(node: DefinedServer) -> None:
    async with await aio_pika.connect(url(node, "forecast")) as connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.declare_exchange("procurement.events", "topic", durable=True)
        with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
            await exchange.publish(aio_pika.Message(b"{}"), "data.import.failed.v1", mandatory=False, timeout=10)


async def test_nobody_reads_or_declares_the_queues_of_another(node: DefinedServer) -> None:
    async with await aio_pika.connect(url(node, "storage")) as connection:
        for name in ("monitoring.data.import.failed.v1", "anything"):
            channel = await connection.channel()
            with pytest.raises(ChannelClosed, match="ACCESS_REFUSED"):
                await channel.declare_queue(name, durable=True, timeout=10)


async def test_there_is_no_guest_and_no_entry_with_a_wrong_password(node: DefinedServer) -> None:
    for user, password in (("guest", "guest"), ("data", "wrong")):
        with pytest.raises((ProbableAuthenticationError, ConnectionError)):
            await aio_pika.connect(url(node, user, password), timeout=10)
