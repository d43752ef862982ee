"""One process of the kill drill: `python drill_process.py prepare|writer|relay|consumer DATABASE_URL BROKER_URL EVENTS`.

The writer commits EVENTS units of work, each with one row in `written` and one event; the consumer puts one row into
`effect` for each event. Killed processes are started again by the drill with the same arguments.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

from sqlalchemy import Column, Integer, MetaData, Table, Text, func, select

from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.envelope import Envelope, Event
from shared.messaging.connect import open_transport
from shared.messaging.consumer import Consumers, RetryPolicy, Subscription
from shared.messaging.relay import Relay
from shared.messaging.worker import BackgroundTask, run_worker
from shared.settings import ServiceSettings

AGGREGATES = 10
PAUSE_SECONDS = 0.004

metadata = MetaData(schema="data")
outbox, inbox = create_outbox(metadata), create_inbox(metadata)
written = Table("written", metadata, Column("number", Integer, primary_key=True))
effect = Table("effect", metadata, Column("number", Integer), Column("aggregate", Text))


class WrittenV1(Event):
    event_type: ClassVar[str] = "data.drill.written.v1"
    number: int


def open_database(url: str) -> Database:
    return Database(url, owner="data", outbox=outbox, inbox=inbox)


async def apply(event: WrittenV1, envelope: Envelope, work: UnitOfWork) -> None:
    await work.session.execute(effect.insert().values(number=event.number, aggregate=envelope.subject))


async def write(database: Database, events: int) -> None:
    """Goes on where a killed writer stopped."""
    async with database.engine.connect() as connection:
        begin = (await connection.execute(select(func.coalesce(func.max(written.c.number) + 1, 0)))).scalar_one()
    for number in range(begin, events):
        async with database.unit_of_work() as work:
            await work.session.execute(written.insert().values(number=number))
            await work.publish(WrittenV1(number=number), subject=f"aggregate-{number % AGGREGATES}")
            await work.commit()
        await asyncio.sleep(PAUSE_SECONDS)


async def prepare(database_url: str, broker_url: str) -> None:
    database = open_database(database_url)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    async with open_transport(broker_url, "prepare") as transport:
        await Consumers("data", database.unit_of_work, transport, [Subscription(WrittenV1, apply)]).declare()
    await database.close()


def main(role: str, database_url: str, broker_url: str, events: int) -> None:
    @asynccontextmanager
    async def open_tasks() -> AsyncIterator[Sequence[BackgroundTask]]:
        async with open_transport(broker_url, role) as transport:
            database = open_database(database_url)
            policy = RetryPolicy(delays_seconds=(0.2, 1.0))
            consumers = Consumers("data", database.unit_of_work, transport, [Subscription(WrittenV1, apply)], policy)
            relay = Relay(database.engine, outbox, transport)
            runs = {"relay": relay.run, "consumer": consumers.run}
            yield [BackgroundTask(role, runs[role])]
            await database.close()

    if role == "prepare":
        asyncio.run(prepare(database_url, broker_url))
    elif role == "writer":
        asyncio.run(write(open_database(database_url), events))
    else:
        settings = ServiceSettings(database_url=database_url, worker_metrics_port=0)
        run_worker(f"drill {role}", settings, open_tasks)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
