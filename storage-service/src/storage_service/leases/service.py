"""Runs leased jobs: claims one, renews its lease while it works, and settles how it ended."""

import asyncio
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid4

from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import ServiceError
from shared.observability.logging import get_logger
from storage_service.database import Job
from storage_service.leases.domain import Lease, LeasePolicy
from storage_service.leases.errors import JobInterruptedError, LeaseLostError
from storage_service.leases.repository import LeaseRepository

_log = get_logger(__name__)
_RETRIED_STATUSES = frozenset({429, 502, 503, 504})

_UNFORESEEN = "The job failed for a reason that was not foreseen. The log has it under the job's id."

JobT = TypeVar("JobT", bound=Job)


class JobHandler(Protocol):
    """What a kind of job does; `run` also settles it as completed, with `LeaseService.complete`."""

    async def run(self, lease: Lease) -> None: ...

    async def on_failed(self, work: UnitOfWork, job_id: UUID, problem: dict[str, Any]) -> None:
        """Called in the transaction that marks the job failed for good."""
        ...


def problem_of(error: ServiceError) -> dict[str, Any]:
    """A failure as jobs keep it: the problem document without what belongs to a request."""
    return {"status": error.status, "code": error.code, "title": error.title, "detail": error.detail}


class LeaseService(Generic[JobT]):
    def __init__(self, database: Database, jobs: type[JobT], policy: LeasePolicy) -> None:
        self._database = database
        self._jobs = jobs
        self._policy = policy
        self._owner = uuid4()

    async def complete(self, work: UnitOfWork, lease: Lease) -> None:
        """Inside the transaction that stores the result.

        Raises:
            LeaseLostError: somebody else has the job; nothing of this attempt may be stored.
        """
        if not await self._leases(work).complete(lease):
            raise LeaseLostError("Another worker took the job over; the result of this attempt is dropped.")

    async def run_for_ever(self, handler: JobHandler) -> None:
        """One job after another. Cancelling puts the job in hand back into the queue."""
        while True:
            if not await self.run_next(handler):
                await asyncio.sleep(self._policy.poll_seconds)

    async def run_next(self, handler: JobHandler) -> bool:
        """False when no job waits."""
        async with self._database.unit_of_work() as work:
            lease = await self._leases(work).claim(self._owner, self._policy.seconds)
            await work.commit()
        if lease is None:
            return False
        log = _log.bind(jobs=self._jobs.__tablename__, job_id=str(lease.job_id), attempt=lease.attempt)
        log.info("job_started")
        try:
            await self._run(lease, handler)
        except LeaseLostError:
            log.warning("job_lease_lost")
        except ServiceError as error:
            log.warning("job_failed", code=error.code, detail=error.detail)
            await self._settle(lease, handler, error)
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(lease))
            raise
        except Exception:
            log.exception("job_failed_unexpectedly")
            await self._settle(lease, handler, ServiceError(_UNFORESEEN))
        else:
            log.info("job_completed")
        return True

    async def _run(self, lease: Lease, handler: JobHandler) -> None:
        if lease.attempt > self._policy.max_attempts:
            raise JobInterruptedError(
                f"The worker died {self._policy.max_attempts} times while it ran this job. Ask for it again; "
                "if that fails too, look into the worker's log and memory."
            )
        work = asyncio.create_task(handler.run(lease), name=f"job-{lease.job_id}")
        renewal = asyncio.create_task(self._renew(lease), name=f"lease-{lease.job_id}")
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await _stop(work)
                renewal.result()
            work.result()
        finally:
            await _stop(work)
            await _stop(renewal)

    async def _renew(self, lease: Lease) -> None:
        """Ends only by an error: LeaseLostError, or a database that stays away longer than the lease."""
        loop = asyncio.get_running_loop()
        held_until = loop.time() + self._policy.seconds
        while True:
            await asyncio.sleep(self._policy.renewal_seconds)
            asked_at = loop.time()
            try:
                async with self._database.unit_of_work() as work:
                    held = await self._leases(work).renew(lease, self._policy.seconds)
                    await work.commit()
            except Exception as error:
                if loop.time() > held_until:
                    raise LeaseLostError("The lease could not be renewed in time.") from error
                _log.warning("lease_renewal_failed", job_id=str(lease.job_id), error=str(error))
                continue
            if not held:
                raise LeaseLostError("Another worker took the job over.")
            held_until = asked_at + self._policy.seconds

    async def _settle(self, lease: Lease, handler: JobHandler, error: ServiceError) -> None:
        problem = problem_of(error)
        async with self._database.unit_of_work() as work:
            leases = self._leases(work)
            if error.status in _RETRIED_STATUSES and lease.attempt < self._policy.max_attempts:
                await leases.requeue(lease, self._policy.retry_delay_seconds(lease.attempt), problem, counted=True)
            elif await leases.fail(lease, problem):
                await handler.on_failed(work, lease.job_id, problem)
            await work.commit()

    async def _put_back(self, lease: Lease) -> None:
        async with self._database.unit_of_work() as work:
            await self._leases(work).requeue(lease, 0.0, None, counted=False)
            await work.commit()

    def _leases(self, work: UnitOfWork) -> LeaseRepository[JobT]:
        return LeaseRepository(work.session, self._jobs)


async def _stop(task: asyncio.Task[None]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
