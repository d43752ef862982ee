import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import MetaData, select, text

from shared.database.base import create_base, new_id
from shared.database.idempotency import (
    IdempotencyKeyReusedError,
    IdempotentRequests,
    create_idempotency_keys,
    fingerprint,
)
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox
from shared.database.schedule import run_once
from shared.database.unit_of_work import Database
from shared.events.data import StockChangedV1


@pytest.fixture
def metadata() -> MetaData:
    metadata = create_base("data").metadata
    create_outbox(metadata)
    create_inbox(metadata)
    create_idempotency_keys(metadata)
    return metadata


@pytest.fixture
async def database(database_url_for: Callable[[str], str], metadata: MetaData) -> AsyncIterator[Database]:
    # A schema of another owner's template: its own migrations do not matter here.
    database = Database(
        database_url_for("data"),
        owner="data",
        outbox=metadata.tables["data.outbox"],
        inbox=metadata.tables["data.inbox"],
    )
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=True)
    yield database
    await database.close()


def an_event() -> StockChangedV1:
    return StockChangedV1.model_construct(levels=[])


async def outbox_rows(database: Database) -> list[str]:
    async with database.unit_of_work() as work:
        return list((await work.session.execute(select(database.outbox.c.type))).scalars())


async def test_leaving_without_commit_keeps_neither_data_nor_events(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.publish(an_event(), subject="a")
    assert await outbox_rows(database) == []


async def test_commit_keeps_the_event(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.publish(an_event(), subject="a")
        await work.commit()
    assert await outbox_rows(database) == ["data.stock.changed.v1"]


async def test_an_event_is_received_once_per_consumer(database: Database) -> None:
    event_id = new_id()
    async with database.unit_of_work() as work:
        assert await work.receive("forecast", event_id)
        await work.commit()
    async with database.unit_of_work() as work:
        assert not await work.receive("forecast", event_id)
        assert await work.receive("storage", event_id)


async def test_a_rolled_back_receipt_does_not_count(database: Database) -> None:
    event_id = new_id()
    async with database.unit_of_work() as work:
        await work.receive("forecast", event_id)
    async with database.unit_of_work() as work:
        assert await work.receive("forecast", event_id)


async def test_the_driver_shares_the_transaction(database: Database) -> None:
    async with database.unit_of_work() as work:
        await work.session.execute(text("CREATE TEMPORARY TABLE t (n int) ON COMMIT DROP"))
        driver = await work.driver()
        await driver.copy_records_to_table("t", records=[(1,), (2,)])
        assert (await work.session.execute(text("SELECT sum(n) FROM t"))).scalar_one() == 3


async def test_a_repeat_with_the_same_key_gets_the_first_answer(database: Database, metadata: MetaData) -> None:
    requests = IdempotentRequests(metadata.tables["data.idempotency_keys"])
    request = fingerprint("create_order", {"quantity": 3})
    async with database.unit_of_work() as work:
        assert await requests.claim(work, caller="u", key="k", request=request) is None
        await requests.remember(work, caller="u", key="k", response={"id": 1})
        await work.commit()
    async with database.unit_of_work() as work:
        assert await requests.claim(work, caller="u", key="k", request=request) == {"id": 1}
    async with database.unit_of_work() as work:
        with pytest.raises(IdempotencyKeyReusedError):
            await requests.claim(work, caller="u", key="k", request=fingerprint("create_order", {"quantity": 4}))


async def test_fifty_parallel_repeats_do_the_work_once(database: Database, metadata: MetaData) -> None:
    requests = IdempotentRequests(metadata.tables["data.idempotency_keys"])
    request = fingerprint("create_order", {})
    done = []

    async def submit() -> dict[str, int]:
        async with database.unit_of_work() as work:
            known = await requests.claim(work, caller="u", key="k", request=request)
            if known is not None:
                return known
            done.append(1)
            await requests.remember(work, caller="u", key="k", response={"id": 7})
            await work.commit()
            return {"id": 7}

    answers = await asyncio.gather(*(submit() for _ in range(50)))
    assert len(done) == 1
    assert answers == [{"id": 7}] * 50


async def test_a_scheduled_action_runs_on_one_replica_at_a_time(database: Database) -> None:
    entered = asyncio.Event()
    leave = asyncio.Event()

    async def slow() -> None:
        entered.set()
        await leave.wait()

    async def never() -> None:
        raise AssertionError("two replicas at once")

    first = asyncio.create_task(run_once(database, "nightly", slow))
    await entered.wait()
    assert await run_once(database, "nightly", never) is False
    leave.set()
    assert await first is True


async def test_a_role_cannot_read_another_schema(database: Database) -> None:
    async with database.unit_of_work() as work:
        allowed = await work.session.execute(
            text(
                "SELECT has_schema_privilege('procurement_data', nspname, 'USAGE') FROM pg_namespace WHERE nspname = 'forecast'"
            )
        )
        assert allowed.scalar_one() is False
