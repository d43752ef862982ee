"""Jobs outlive the workers that run them."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from tests.fakes.forecast import FakeForecast

from shared.database.unit_of_work import UnitOfWork
from shared.errors import ServiceError, UnavailableError
from storage_service.exports.domain.layout import CsvDialect
from storage_service.exports.domain.order import ExportOrder
from storage_service.exports.jobs import ExportJobs
from storage_service.exports.models import Export
from storage_service.exports.repository import ExportRepository
from storage_service.leases.domain import Lease, LeasePolicy
from storage_service.leases.service import LeaseService
from storage_service.resources import Resources

POLICY = LeasePolicy(seconds=0.6, poll_seconds=0.02, max_attempts=2, first_retry_seconds=0.0)


class Work:
    """A job that does what the test says, and keeps what it is told about its end."""

    def __init__(self, leases: LeaseService[Export], action: Callable[[Lease], Awaitable[None]]) -> None:
        self._leases = leases
        self._action = action
        self.runs = 0
        self.failures: list[dict[str, Any]] = []

    async def run(self, lease: Lease) -> None:
        self.runs += 1
        await self._action(lease)

    async def on_failed(self, work: UnitOfWork, job_id: UUID, problem: dict[str, Any]) -> None:
        self.failures.append(problem)


def leases_of(resources: Resources) -> LeaseService[Export]:
    return LeaseService(resources.database, Export, POLICY)


async def queue(resources: Resources, count: int = 1) -> list[UUID]:
    order = ExportOrder("csv", "en", None, CsvDialect())
    async with resources.database.unit_of_work() as work:
        ids = [await ExportRepository(work.session).add(order, None, {}) for _ in range(count)]
        await work.commit()
    return ids


async def row(resources: Resources, job_id: UUID) -> Any:
    async with resources.database.unit_of_work() as work:
        found = await work.session.execute(text("SELECT * FROM storage.exports WHERE id = :id"), {"id": job_id})
        return found.one()


async def complete(resources: Resources, leases: LeaseService[Export], lease: Lease) -> None:
    async with resources.database.unit_of_work() as work:
        await leases.complete(work, lease)
        await work.commit()


async def test_every_job_is_run_by_exactly_one_of_many_workers(resources: Resources) -> None:
    ids = await queue(resources, 12)
    done: list[UUID] = []

    async def worker() -> None:
        leases = leases_of(resources)

        async def action(lease: Lease) -> None:
            done.append(lease.job_id)
            await complete(resources, leases, lease)

        while await leases.run_next(Work(leases, action)):
            pass

    await asyncio.gather(*(worker() for _ in range(4)))
    assert sorted(done) == sorted(ids)


async def test_a_long_job_keeps_its_lease_and_shows_its_progress(resources: Resources) -> None:
    (job_id,) = await queue(resources)
    leases, rival = leases_of(resources), leases_of(resources)
    seen: list[float] = []

    async def action(lease: Lease) -> None:
        for step in range(1, 5):
            lease.report(step / 5)
            await asyncio.sleep(POLICY.seconds / 2)
            assert not await rival.run_next(Work(rival, action))
            seen.append((await row(resources, job_id)).progress)
        await complete(resources, leases, lease)

    work = Work(leases, action)
    assert await leases.run_next(work)
    assert work.runs == 1
    assert seen == sorted(seen)
    assert seen[-1] >= 0.6
    assert ((await row(resources, job_id)).status, (await row(resources, job_id)).progress) == ("completed", 1.0)


async def test_a_worker_that_lost_its_lease_stores_nothing(resources: Resources) -> None:
    (job_id,) = await queue(resources)
    leases = leases_of(resources)

    async def action(lease: Lease) -> None:
        async with resources.database.unit_of_work() as work:
            await work.session.execute(text("UPDATE storage.exports SET attempts = 2, lease_owner = gen_random_uuid()"))
            await work.commit()
        await complete(resources, leases, lease)

    work = Work(leases, action)
    assert await leases.run_next(work)
    assert (await row(resources, job_id)).status == "running"
    assert work.failures == []


async def test_the_work_is_stopped_when_the_lease_is_taken_away(resources: Resources) -> None:
    await queue(resources)
    leases = leases_of(resources)
    stopped = asyncio.Event()

    async def action(_lease: Lease) -> None:
        async with resources.database.unit_of_work() as work:
            await work.session.execute(text("UPDATE storage.exports SET lease_owner = gen_random_uuid()"))
            await work.commit()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    async with asyncio.timeout(5):
        assert await leases.run_next(Work(leases, action))
    assert stopped.is_set()


async def test_a_worker_that_is_told_to_stop_puts_its_job_back(resources: Resources) -> None:
    (job_id,) = await queue(resources)
    leases = leases_of(resources)
    begun = asyncio.Event()

    async def action(_lease: Lease) -> None:
        begun.set()
        await asyncio.sleep(60)

    running = asyncio.create_task(leases.run_for_ever(Work(leases, action)))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    job = await row(resources, job_id)
    assert (job.status, job.attempts, job.lease_owner) == ("queued", 0, None)


async def test_a_passing_trouble_is_tried_again_and_a_lasting_one_fails(resources: Resources) -> None:
    (job_id,) = await queue(resources)
    leases = leases_of(resources)

    async def action(_lease: Lease) -> None:
        raise UnavailableError("the neighbour sleeps")

    work = Work(leases, action)
    assert await leases.run_next(work)
    assert (await row(resources, job_id)).status == "queued"
    assert await leases.run_next(work)
    job = await row(resources, job_id)
    assert (job.status, job.problem["detail"]) == ("failed", "the neighbour sleeps")
    assert [problem["code"] for problem in work.failures] == ["unavailable"]
    assert not await leases.run_next(work)


async def test_an_unforeseen_failure_tells_nothing_of_itself(resources: Resources) -> None:
    (job_id,) = await queue(resources)
    leases = leases_of(resources)

    async def action(_lease: Lease) -> None:
        raise RuntimeError("password=hunter2")

    assert await leases.run_next(Work(leases, action))
    job = await row(resources, job_id)
    assert (job.status, job.problem["code"]) == ("failed", ServiceError.code)
    assert "hunter2" not in str(job.problem)


async def test_a_job_whose_workers_keep_dying_fails_and_says_so(resources: Resources) -> None:
    (job_id,) = await queue(resources)
    async with resources.database.unit_of_work() as work:
        await work.session.execute(
            text("UPDATE storage.exports SET status = 'running', attempts = 2, lease_until = now() - interval '1 s'")
        )
        await work.commit()
    leases = leases_of(resources)

    async def action(_lease: Lease) -> None:
        pytest.fail("a job that kills its workers must not run again")

    assert await leases.run_next(Work(leases, action))
    job = await row(resources, job_id)
    assert (job.status, job.problem["code"]) == ("failed", "job_interrupted")


async def test_a_job_of_a_killed_worker_process_is_finished_by_another(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast, tmp_path: Path
) -> None:
    asked, hold = asyncio.Event(), asyncio.Event()

    async def before_page() -> None:
        if not asked.is_set():
            asked.set()
            await hold.wait()

    forecast.before_page = before_page
    export = (await client.post("/v1/exports", json={"format": "xlsx"})).json()
    settings = resources.settings
    environment = {
        "STORAGE_DATABASE_URL": settings.database_url,
        "STORAGE_GATEWAY_URL": settings.gateway_url,
        "STORAGE_FILES_DIRECTORY": str(settings.files_directory),
        "STORAGE_WORK_DIRECTORY": str(tmp_path),
        "STORAGE_JOB_LEASE_SECONDS": "2",
        "STORAGE_JOB_POLL_SECONDS": "0.05",
        "STORAGE_WORKER_METRICS_PORT": "0",
    }
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "storage_service.worker",
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30):
        await asked.wait()
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    hold.set()
    assert (await client.get(f"/v1/exports/{export['id']}")).json()["status"] == "running"
    await asyncio.sleep(2.2)  # the dead worker's lease ends
    assert await ExportJobs(resources).run_next()
    finished = (await client.get(f"/v1/exports/{export['id']}")).json()
    assert (finished["status"], finished["attempts"], finished["rows"]) == ("completed", 2, 5)
    assert leftovers(tmp_path) == []


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob("export-*"))
