"""Claims and renews leases on any table of jobs."""

from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage_service.database import Job
from storage_service.leases.domain import Lease

JobT = TypeVar("JobT", bound=Job)


class LeaseRepository(Generic[JobT]):
    def __init__(self, session: AsyncSession, jobs: type[JobT]) -> None:
        self._session = session
        self._jobs = jobs

    async def claim(self, owner: UUID, seconds: float) -> Lease | None:
        """Takes the oldest job that waits, or whose worker fell silent."""
        jobs = self._jobs
        waiting = or_(
            and_(jobs.status == "queued", jobs.not_before <= func.now()),
            and_(jobs.status == "running", jobs.lease_until < func.now()),
        )
        oldest = (
            select(jobs.id).where(waiting).order_by(jobs.not_before, jobs.id).limit(1).with_for_update(skip_locked=True)
        )
        claimed = await self._session.execute(
            update(jobs)
            .where(jobs.id == oldest.scalar_subquery())
            .values(
                status="running",
                attempts=jobs.attempts + 1,
                lease_owner=owner,
                lease_until=func.now() + timedelta(seconds=seconds),
                started_at=func.coalesce(jobs.started_at, func.now()),
                problem=None,
            )
            .returning(jobs.id, jobs.attempts)
        )
        row = claimed.one_or_none()
        return None if row is None else Lease(job_id=row.id, owner=owner, attempt=row.attempts)

    async def renew(self, lease: Lease, seconds: float) -> bool:
        """False when the lease is not held any more."""
        return await self._set(lease, lease_until=func.now() + timedelta(seconds=seconds), progress=lease.progress)

    async def complete(self, lease: Lease) -> bool:
        return await self._set(
            lease, status="completed", progress=1.0, finished_at=func.now(), lease_owner=None, lease_until=None
        )

    async def fail(self, lease: Lease, problem: dict[str, Any]) -> bool:
        return await self._set(
            lease, status="failed", problem=problem, finished_at=func.now(), lease_owner=None, lease_until=None
        )

    async def requeue(
        self, lease: Lease, delay_seconds: float, problem: dict[str, Any] | None, *, counted: bool
    ) -> bool:
        """`counted` is False when the worker stops by itself: that attempt was nobody's fault."""
        attempts = self._jobs.attempts if counted else self._jobs.attempts - 1
        return await self._set(
            lease,
            status="queued",
            problem=problem,
            attempts=attempts,
            not_before=func.now() + timedelta(seconds=delay_seconds),
            lease_owner=None,
            lease_until=None,
        )

    async def _set(self, lease: Lease, **values: Any) -> bool:
        changed = await self._session.execute(
            update(self._jobs).where(self._held(lease)).values(**values).returning(self._jobs.id)
        )
        return changed.scalar_one_or_none() is not None

    def _held(self, lease: Lease) -> ColumnElement[bool]:
        jobs = self._jobs
        return and_(
            jobs.id == lease.job_id,
            jobs.status == "running",
            jobs.lease_owner == lease.owner,
            jobs.attempts == lease.attempt,
        )
