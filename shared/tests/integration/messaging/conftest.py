"""Both transports behind one fixture: every test that takes `broker` runs over PostgreSQL and over RabbitMQ."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import aio_pika
import asyncpg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text

from local.infrastructure.postgres import PostgresServer
from local.infrastructure.rabbitmq import RabbitmqServer, start_rabbitmq
from shared.database.bootstrap import OWNERS, bootstrap_database, role_of
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.envelope import Envelope, Event
from shared.messaging.connect import open_transport
from shared.messaging.rabbitmq_topology import DEAD_QUEUE
from shared.messaging.transport import Delivery, QueueSpec, Transport

PASSWORD = "test-only"
TEMPLATE = "template_messaging"


class MovedV1(Event):
    event_type: ClassVar[str] = "data.probe.moved.v1"
    number: int
    aggregate: str = "a"


class StoppedV1(Event):
    event_type: ClassVar[str] = "data.probe.stopped.v1"
    number: int


@dataclass
class Broker:
    """One place where events are kept; transports of several processes can be opened on it."""

    kind: str
    url: str
    stack: AsyncExitStack
    queues: set[str] = field(default_factory=set)

    async def open(self, name: str = "test") -> Transport:
        return await self.stack.enter_async_context(open_transport(self.url, name))

    def queue(self, name: str, *routing_keys: str, **limits: int) -> QueueSpec:
        self.queues.add(name)
        return QueueSpec(name, routing_keys or (MovedV1.event_type,), **limits)


@dataclass
class Received:
    """A handler that notes what it got and then does what the test says."""

    behaviour: Callable[[Delivery], Awaitable[None]] = lambda delivery: delivery.ack()
    deliveries: list[Delivery] = field(default_factory=list)

    async def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        await self.behaviour(delivery)

    @property
    def numbers(self) -> list[int]:
        return [Envelope.from_bytes(delivery.body).data["number"] for delivery in self.deliveries]


@dataclass
class Service:
    """The tables of a service that counts how often each event had its effect."""

    database: Database
    effect: Table
    metadata: MetaData

    async def publish(self, *events: Event, subject: str | None = None) -> None:
        async with self.database.unit_of_work() as work:
            for event in events:
                await work.publish(event, subject=subject or getattr(event, "aggregate", "a"))
            await work.commit()

    async def rows(self, query: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(self.database.url, server_settings={"search_path": "data"})
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def value(self, query: str, *values: Any) -> Any:
        return (await self.rows(query, *values))[0][0]

    async def effects(self) -> dict[int, int]:
        rows = await self.rows("SELECT number, count(*) FROM effect GROUP BY number")
        return {row["number"]: row["count"] for row in rows}


@pytest.fixture(scope="session")
def messaging_template(postgres_server: PostgresServer) -> PostgresServer:
    bootstrap = bootstrap_database(postgres_server.url, dict.fromkeys(OWNERS, PASSWORD), database=TEMPLATE)
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, bootstrap).result()
    return postgres_server


@pytest.fixture
async def database_url(messaging_template: PostgresServer) -> AsyncIterator[str]:
    """A database of its own with the schema `bus`; the URL of data-service's role."""
    server, name = messaging_template, f"messaging_{secrets.token_hex(6)}"
    await _administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    yield server.url_for(name, role_of("data"), PASSWORD)
    await _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _administer(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    with start_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(params=["postgresql", pytest.param("rabbitmq", marks=pytest.mark.broker)])
def broker_url(request: pytest.FixtureRequest) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("database_url")
        return url
    server: RabbitmqServer = request.getfixturevalue("rabbitmq_server")
    return server.url


@pytest.fixture
async def broker(broker_url: str) -> AsyncIterator[Broker]:
    async with AsyncExitStack() as stack:
        broker = Broker("postgresql" if broker_url.startswith("postgresql") else "rabbitmq", broker_url, stack)
        yield broker
    if broker.kind == "rabbitmq":
        await _emptied(broker)


async def _emptied(broker: Broker) -> None:
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        for name in broker.queues:
            await channel.queue_delete(name)
        dead = await channel.declare_queue(DEAD_QUEUE, passive=True)
        await dead.purge()


@pytest.fixture
async def transport(broker: Broker) -> Transport:
    return await broker.open()


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    metadata = MetaData(schema="data")
    outbox, inbox = create_outbox(metadata), create_inbox(metadata)
    effect = Table("effect", metadata, Column("number", Integer), Column("aggregate", Text))
    database = Database(database_url, owner="data", outbox=outbox, inbox=inbox)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield Service(database, effect, metadata)
    await database.close()


@pytest.fixture
async def running() -> AsyncIterator[Callable[..., "asyncio.Task[Any]"]]:
    """Starts coroutines beside the test and cancels them at its end; a failure of one fails the test."""
    tasks: list[asyncio.Task[Any]] = []

    def start(coroutine: Any) -> "asyncio.Task[Any]":
        tasks.append(asyncio.create_task(coroutine))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


@pytest.fixture
def received() -> type[Received]:
    return Received


@pytest.fixture
def moved() -> type[MovedV1]:
    return MovedV1


@pytest.fixture
def stopped() -> type[StoppedV1]:
    return StoppedV1


@pytest.fixture
def apply(service: Service) -> Callable[[MovedV1, Envelope, UnitOfWork], Awaitable[None]]:
    """A handler whose effect can be counted."""

    async def handler(event: MovedV1, envelope: Envelope, work: UnitOfWork) -> None:
        await work.session.execute(service.effect.insert().values(number=event.number, aggregate=envelope.subject))

    return handler


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Waits until the condition (plain or async) holds, and returns its value."""

    async def wait(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if hasattr(value, "__await__"):
                value = await value
            if value:
                return value
            assert time.monotonic() < deadline, f"did not happen within {seconds} s"
            await asyncio.sleep(0.05)

    return wait


@pytest.fixture
def envelopes() -> Callable[..., list[Envelope]]:
    def make(*numbers: int, subject: str = "a") -> list[Envelope]:
        return [Envelope.of(MovedV1(number=n), source="/procurement/data", subject=subject) for n in numbers]

    return make
