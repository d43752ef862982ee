"""Imports lead to a new run, once they have come to rest."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from forecast_service.forecasts.consumer import subscriptions
from forecast_service.forecasts.service import RunQueue
from shared.events.data import ImportCompletedV1, ImportCounts
from shared.events.envelope import Envelope


def import_of(applied: int) -> ImportCompletedV1:
    counts = ImportCounts(read=9, applied=applied, unchanged=9 - applied, cleaned=0, quarantined=0)
    return ImportCompletedV1(import_id=uuid4(), kind="sales", origin="upload", counts=counts, duration_seconds=1)


@pytest.fixture
def receive(resources, settings):
    async def arrives(applied: int = 5, wait_seconds: float = 0.0) -> None:
        event = import_of(applied)
        subscription = subscriptions(settings.model_copy(update={"replan_after_import_seconds": wait_seconds}))[0]
        envelope = Envelope.of(event, source="/procurement/data", subject=str(event.import_id))
        async with resources.database.unit_of_work() as work:
            await subscription.handler(event, envelope, work)
            await work.commit()

    return arrives


async def pending(resources) -> list[float]:
    async with resources.database.engine.connect() as connection:
        rows = await connection.execute(text("SELECT extract(epoch FROM due_at - now()) FROM forecast.pending_replans"))
        return [float(row[0]) for row in rows]


async def test_an_import_leads_to_one_run(receive, resources, client) -> None:
    queue = RunQueue(resources.database, 10)
    for _ in range(3):
        await receive()
    assert await queue.queue_due_replan()
    assert not await queue.queue_due_replan()
    runs = (await client.get("/v1/runs")).json()["items"]
    assert [(run["trigger"], run["status"], run["requested_by"]) for run in runs] == [("import", "queued", "forecast")]


async def test_an_import_that_changed_nothing_leads_to_nothing(receive, resources) -> None:
    await receive(applied=0)
    assert await pending(resources) == []


async def test_each_import_waits_anew_but_not_for_ever(receive, resources) -> None:
    await receive(wait_seconds=100)
    assert (await pending(resources))[0] == pytest.approx(100, abs=5)
    await asyncio.sleep(1.1)
    await receive(wait_seconds=100)
    assert (await pending(resources))[0] == pytest.approx(100, abs=5)
    async with resources.database.engine.begin() as connection:
        await connection.execute(text("UPDATE forecast.pending_replans SET first_import_at = now() - interval '590 s'"))
    await receive(wait_seconds=100)
    assert (await pending(resources))[0] == pytest.approx(10, abs=3)
    assert not await RunQueue(resources.database, 10).queue_due_replan()


async def test_a_run_started_by_hand_makes_the_waiting_one_needless(receive, resources, client) -> None:
    await receive(wait_seconds=100)
    await client.post("/v1/runs")
    assert await pending(resources) == []


async def test_the_worker_starts_the_run_when_its_time_has_come(receive, company, worker, working, client) -> None:
    await receive(wait_seconds=0)
    async with working(worker):
        for _ in range(600):
            runs = (await client.get("/v1/runs")).json()["items"]
            if runs and runs[0]["status"] == "completed":
                break
            await asyncio.sleep(0.1)
    assert [run["status"] for run in runs] == ["completed"]
