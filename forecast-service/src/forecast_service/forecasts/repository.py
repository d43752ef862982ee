"""Queries of forecasts: the list of runs people see, the queue workers take from, the stored forecasts."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from forecast_service.database import in_scope
from forecast_service.forecasts.domain.array_copy import (
    HEADER,
    TRAILER,
    array_fields,
    float_field,
    read_arrays,
    rows_of,
    text_field,
    uuid_field,
)
from forecast_service.forecasts.domain.outcome import ComputedSeries, StoredSeries
from forecast_service.forecasts.domain.runs import (
    UNDER_WAY,
    Claim,
    RunOutcome,
    RunRecord,
    RunStatus,
    StoredForecast,
    Trigger,
)
from forecast_service.forecasts.errors import LeaseLostError
from forecast_service.forecasts.models import Forecast, PendingReplan, Run
from shared.web.identity import AccessScope

_ROWS_PER_BLOCK = 2000

_CLAIM = text("""
UPDATE forecast.runs
SET status = 'running', lease = :lease, lease_until = now() + make_interval(secs => :seconds),
    attempts = attempts + 1, started_at = coalesce(started_at, now())
WHERE id = (
    SELECT id FROM forecast.runs
    WHERE (status = 'running' AND lease_until < now())
       OR (status = 'queued' AND NOT EXISTS (SELECT FROM forecast.runs WHERE status = 'running'))
    ORDER BY status = 'running' DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, attempts, trigger, requested_horizon_days, has_forecasts, started_at""")

_RENEW = text("""
UPDATE forecast.runs
SET lease_until = now() + make_interval(secs => :seconds), phase = :phase, progress = greatest(progress, :progress)
WHERE id = :id AND lease = :lease AND status = 'running'
RETURNING cancellation_requested""")

_POSTPONE = text("""
INSERT INTO forecast.pending_replans (id, due_at) VALUES (1, now() + make_interval(secs => :seconds))
ON CONFLICT (id) DO UPDATE
SET due_at = least(excluded.due_at, pending_replans.first_import_at + make_interval(secs => :longest))""")


class RunRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, run_id: UUID, *, trigger: Trigger, requested_by: str, horizon_days: int | None) -> None:
        self._session.add(
            Run(
                id=run_id,
                status=RunStatus.QUEUED,
                trigger=trigger,
                requested_by=requested_by,
                requested_horizon_days=horizon_days,
            )
        )
        await self._session.flush()

    async def find(self, run_id: UUID) -> RunRecord | None:
        query = select(Run).where(Run.id == run_id).execution_options(populate_existing=True)
        row = (await self._session.execute(query)).scalar_one_or_none()
        return _record(row) if row is not None else None

    async def find_queued(self, horizon_days: int | None) -> RunRecord | None:
        """A run that waits and would do the same; it stays queued until this transaction ends."""
        query = (
            select(Run)
            .where(Run.status == RunStatus.QUEUED, Run.requested_horizon_days.is_not_distinct_from(horizon_days))
            .order_by(Run.id)
            .limit(1)
            .with_for_update()
        )
        row = (await self._session.execute(query)).scalar_one_or_none()
        return _record(row) if row is not None else None

    async def latest_completed(self) -> RunRecord | None:
        query = select(Run).where(Run.status == RunStatus.COMPLETED).order_by(Run.id.desc()).limit(1)
        row = (await self._session.execute(query)).scalar_one_or_none()
        return _record(row) if row is not None else None

    async def list_runs(self, *, status: RunStatus | None, limit: int, after: UUID | None) -> list[RunRecord]:
        """Newest first."""
        query = select(Run).order_by(Run.id.desc()).limit(limit)
        if status is not None:
            query = query.where(Run.status == status)
        if after is not None:
            query = query.where(Run.id < after)
        return [_record(row) for row in (await self._session.execute(query)).scalars()]

    async def request_cancellation(self, run_id: UUID) -> None:
        """A queued run ends at once, a running one when its worker looks next."""
        await self._session.execute(
            update(Run)
            .where(Run.id == run_id, Run.status == RunStatus.QUEUED)
            .values(status=RunStatus.CANCELLED, finished_at=text("now()"), phase="cancelled")
        )
        await self._session.execute(
            update(Run).where(Run.id == run_id, Run.status.in_(UNDER_WAY)).values(cancellation_requested=True)
        )

    async def claim(self, lease: UUID, seconds: float) -> Claim | None:
        """A run whose worker let its lease run out, else the oldest that waits while none is running.

        The advisory lock lets one worker look at a time; the unique index on running runs holds whatever happens.
        """
        lock = text("SELECT pg_try_advisory_xact_lock(hashtextextended('forecast:runs', 0))")
        if not (await self._session.execute(lock)).scalar_one():
            return None
        row = (await self._session.execute(_CLAIM, {"lease": lease, "seconds": seconds})).mappings().one_or_none()
        return Claim(**row, lease=lease) if row is not None else None

    async def renew(self, claim: Claim, seconds: float, phase: str, progress: float) -> bool:
        """True when somebody asked for the run's end. Raises: LeaseLostError."""
        values = {
            "id": claim.id,
            "lease": claim.lease,
            "seconds": seconds,
            "phase": phase,
            "progress": progress,
        }
        requested = (await self._session.execute(_RENEW, values)).scalar_one_or_none()
        if requested is None:
            raise LeaseLostError
        return bool(requested)

    async def change(self, claim: Claim, **values: Any) -> None:
        """Only while the claim holds. Raises: LeaseLostError."""
        result = await self._session.execute(
            update(Run)
            .where(Run.id == claim.id, Run.lease == claim.lease, Run.status == RunStatus.RUNNING)
            .values(**values)
        )
        if not isinstance(result, CursorResult) or result.rowcount != 1:
            raise LeaseLostError

    async def keep_outcome(self, claim: Claim, outcome: RunOutcome) -> None:
        await self.change(claim, **{**asdict(outcome), "model_names": list(outcome.model_names)}, has_forecasts=True)

    async def settle(self, claim: Claim, status: RunStatus, **values: Any) -> None:
        """Ends this worker's hold on the run. Raises: LeaseLostError."""
        finished = None if status in UNDER_WAY else text("now()")
        await self.change(claim, status=status, lease=None, lease_until=None, finished_at=finished, **values)

    async def outdated(self, keep: int) -> list[UUID]:
        """Completed runs beyond the newest `keep` that still have forecasts, and ended ones that left some."""
        kept = select(Run.id).where(Run.status == RunStatus.COMPLETED).order_by(Run.id.desc()).limit(keep)
        query = select(Run.id).where(
            Run.has_forecasts, Run.status.not_in(UNDER_WAY), Run.id.not_in(kept.scalar_subquery())
        )
        return list((await self._session.execute(query)).scalars())

    async def forget_forecasts(self, run_ids: Sequence[UUID]) -> None:
        await self._session.execute(delete(Forecast).where(Forecast.run_id.in_(run_ids)))
        await self._session.execute(update(Run).where(Run.id.in_(run_ids)).values(has_forecasts=False))


class ForecastRepository:
    """`connection` is the driver's, of the same transaction as `session`."""

    def __init__(self, session: AsyncSession, connection: Any) -> None:
        self._session = session
        self._connection = connection

    async def store(self, run_id: UUID, series: ComputedSeries) -> None:
        await self._connection.copy_to_table(
            "forecasts",
            schema_name="forecast",
            columns=("run_id", "sku", "warehouse", "model", "recent", "weights", "mean", "daily", "sums"),
            source=_encoded(run_id, series),
            format="binary",
        )

    async def find(self, run_id: UUID, sku: str, warehouse: str | None, scope: AccessScope) -> list[StoredForecast]:
        visible = in_scope(scope, "forecast.forecasts")
        query = select(Forecast).where(Forecast.run_id == run_id, Forecast.sku == sku, visible)
        query = query.order_by(Forecast.warehouse)
        if warehouse is not None:
            query = query.where(Forecast.warehouse == warehouse)
        return [
            StoredForecast(
                run_id=row.run_id,
                warehouse=row.warehouse,
                model=row.model,
                recent=row.recent,
                weights=row.weights,
                mean=row.mean,
                daily=row.daily,
                sums=row.sums,
            )
            for row in (await self._session.execute(query)).scalars()
        ]

    async def load(self, run_id: UUID, horizon: int, sums: int) -> StoredSeries:
        """All series of a run, ordered by article and warehouse; `sums` is the length of that array."""
        keys = await self._connection.fetch(
            "SELECT sku, warehouse, model, recent FROM forecast.forecasts WHERE run_id = $1 ORDER BY sku, warehouse",
            run_id,
        )
        copied = io.BytesIO()
        await self._connection.copy_from_query(
            f"SELECT mean, sums FROM forecast.forecasts WHERE run_id = '{run_id}'::uuid ORDER BY sku, warehouse",
            output=copied,
            format="binary",
        )
        mean, quantiles = await asyncio.to_thread(read_arrays, copied.getvalue(), (horizon, sums))
        return StoredSeries(
            keys={(row["sku"], row["warehouse"]): index for index, row in enumerate(keys)},
            models=[row["model"] for row in keys],
            recent=[row["recent"] for row in keys],
            mean=mean,
            sums=quantiles,
        )


class ReplanRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def postpone(self, seconds: float, longest_seconds: float) -> None:
        """The run starts `seconds` from now, but at most `longest_seconds` after the first import it waits for."""
        await self._session.execute(_POSTPONE, {"seconds": seconds, "longest": longest_seconds})

    async def clear(self) -> None:
        await self._session.execute(delete(PendingReplan))

    async def take_due(self) -> bool:
        """Removes the waiting request when its time has come."""
        taken = await self._session.execute(
            delete(PendingReplan).where(PendingReplan.due_at <= text("now()")).returning(PendingReplan.id)
        )
        return taken.scalar_one_or_none() is not None


async def _encoded(run_id: UUID, series: ComputedSeries) -> AsyncIterator[bytes]:
    yield HEADER
    for begin in range(0, len(series.skus), _ROWS_PER_BLOCK):
        yield await asyncio.to_thread(_block, run_id, series, slice(begin, begin + _ROWS_PER_BLOCK))
    yield TRAILER


def _block(run_id: UUID, series: ComputedSeries, part: slice) -> bytes:
    rows = len(series.skus[part])
    return rows_of(
        [
            [uuid_field(run_id.bytes)] * rows,
            map(text_field, series.skus[part]),
            map(text_field, series.warehouses[part]),
            map(text_field, series.models[part]),
            map(float_field, series.recent[part].tolist()),
            array_fields(series.weights[:, part].T),
            array_fields(series.mean[part]),
            array_fields(series.daily[part].reshape(rows, -1)),
            array_fields(series.sums[part].reshape(rows, -1)),
        ]
    )


def _record(row: Run) -> RunRecord:
    return RunRecord(
        id=row.id,
        status=RunStatus(row.status),
        phase=row.phase,
        progress=row.progress,
        trigger=row.trigger,
        requested_by=row.requested_by,
        horizon_days=row.horizon_days or row.requested_horizon_days,
        history_start=row.history_start,
        history_end=row.history_end,
        articles=row.articles,
        model_names=tuple(row.model_names or ()),
        models=row.models or {},
        accuracy=row.accuracy,
        problem=row.problem,
        plan_id=row.plan_id,
        cancellation_requested=row.cancellation_requested,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
