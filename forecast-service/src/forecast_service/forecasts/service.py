"""Use cases of forecasts: starting, watching and ending runs, reading forecasts; and the queue behind them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from forecast_service.accuracy.service import ScoredSeries, forget_accuracy, record_accuracy
from forecast_service.forecasts.domain.distribution import LEVELS, knots_of
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
from forecast_service.forecasts.errors import ForecastNotFoundError, RunFinishedError, RunNotFoundError
from forecast_service.forecasts.repository import ForecastRepository, ReplanRepository, RunRepository
from shared.database.base import new_id
from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.forecast import ForecastAccuracy, RunCompletedV1, RunFailedV1
from shared.web.identity import AccessScope

_LONGEST_WAIT_FACTOR = 6.0


@dataclass(frozen=True)
class Planning:
    """What recommendations do for a run; given by the application, since they stand above forecasts.

    `horizon_days` says how far planning has to look; `publish_plan` makes the plan of a run and returns its id, the
    same one when it is asked again.
    """

    horizon_days: Callable[[], Awaitable[int]]
    publish_plan: Callable[[UUID], Awaitable[UUID]]
    forget_plans: Callable[[UnitOfWork, list[UUID]], Awaitable[None]]


class ForecastService:
    def __init__(self, database: Database, idempotent: IdempotentRequests) -> None:
        self._database = database
        self._idempotent = idempotent

    async def start_run(self, *, horizon_days: int | None, requested_by: str, key: str | None) -> RunRecord:
        """Joins a run that is queued for the same; a run waiting for more imports is not needed any more."""
        async with self._database.unit_of_work() as work:
            repository = RunRepository(work.session)
            if key is not None:
                request = fingerprint("start_run", horizon_days)
                first = await self._idempotent.claim(work, caller=requested_by, key=key, request=request)
                if first is not None:
                    return await _found(repository, UUID(first["run_id"]))
            await ReplanRepository(work.session).clear()
            run = await queue_run(repository, Trigger.MANUAL, requested_by, horizon_days)
            if key is not None:
                response = {"run_id": str(run.id)}
                await self._idempotent.remember(work, caller=requested_by, key=key, response=response)
            await work.commit()
        return run

    async def get_run(self, run_id: UUID) -> RunRecord:
        async with self._database.unit_of_work() as work:
            return await _found(RunRepository(work.session), run_id)

    async def list_runs(self, *, status: RunStatus | None, limit: int, after: UUID | None) -> list[RunRecord]:
        async with self._database.unit_of_work() as work:
            return await RunRepository(work.session).list_runs(status=status, limit=limit, after=after)

    async def cancel_run(self, run_id: UUID) -> RunRecord:
        """Raises: RunNotFoundError; RunFinishedError when there is nothing left to cancel."""
        async with self._database.unit_of_work() as work:
            repository = RunRepository(work.session)
            run = await _found(repository, run_id)
            if run.status not in UNDER_WAY:
                raise RunFinishedError(f"The run has ended ({run.status}); there is nothing to cancel.")
            await repository.request_cancellation(run_id)
            await work.commit()
            return await _found(repository, run_id)

    async def get_forecasts(
        self, sku: str, warehouse: str | None, scope: AccessScope
    ) -> tuple[RunRecord, list[StoredForecast]]:
        """Of the latest completed run, one per warehouse. Raises: ForecastNotFoundError."""
        async with self._database.unit_of_work() as work:
            run = await RunRepository(work.session).latest_completed()
            forecasts = []
            if run is not None:
                found = ForecastRepository(work.session, await work.driver())
                forecasts = await found.find(run.id, sku, warehouse, scope)
        if run is None or not forecasts:
            where = f" in warehouse {warehouse}" if warehouse else ""
            raise ForecastNotFoundError(
                f"There is no forecast of {sku}{where}. Import its sales and start a run (POST /v1/runs)."
            )
        return run, forecasts

    async def load_series(self, run_id: UUID) -> tuple[RunRecord, StoredSeries]:
        """Everything that was forecast in a run. Raises: RunNotFoundError."""
        async with self._database.unit_of_work() as work:
            run = await _found(RunRepository(work.session), run_id)
            horizon = run.horizon_days or 0
            forecasts = ForecastRepository(work.session, await work.driver())
            return run, await forecasts.load(run_id, horizon, len(knots_of(horizon)) * len(LEVELS))


class RunQueue:
    """What workers do to runs; a run belongs to the worker that holds its claim."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    async def claim(self) -> Claim | None:
        async with self._database.unit_of_work() as work:
            claim = await RunRepository(work.session).claim(uuid4(), self._lease_seconds)
            await work.commit()
        return claim

    async def renew(self, claim: Claim, phase: str, progress: float) -> bool:
        """True when the run shall be ended. Raises: LeaseLostError."""
        async with self._database.unit_of_work() as work:
            requested = await RunRepository(work.session).renew(claim, self._lease_seconds, phase, progress)
            await work.commit()
        return requested

    async def keep_result(self, claim: Claim, series: ComputedSeries, outcome: RunOutcome) -> None:
        """Forecasts, accuracy and outcome together. Raises: LeaseLostError."""
        async with self._database.unit_of_work() as work:
            await RunRepository(work.session).keep_outcome(claim, outcome)
            await ForecastRepository(work.session, await work.driver()).store(claim.id, series)
            if series.accuracy is not None and series.naive_accuracy is not None:
                scored = ScoredSeries(series.skus, series.warehouses, series.accuracy, series.naive_accuracy)
                await record_accuracy(work, claim.id, scored)
            await work.commit()

    async def complete(self, claim: Claim, plan_id: UUID) -> RunRecord:
        async with self._database.unit_of_work() as work:
            repository = RunRepository(work.session)
            values = {"phase": "done", "progress": 1.0, "plan_id": plan_id, "problem": None}
            await repository.settle(claim, RunStatus.COMPLETED, **values)
            run = await _found(repository, claim.id)
            await work.publish(_completed(run, _seconds_since(claim)), subject=str(run.id))
            await work.commit()
        return run

    async def fail(self, claim: Claim, phase: str, problem: dict[str, Any]) -> None:
        async with self._database.unit_of_work() as work:
            await RunRepository(work.session).settle(claim, RunStatus.FAILED, phase=phase, problem=problem)
            event = RunFailedV1(
                run_id=claim.id,
                trigger=claim.trigger,
                phase=phase,
                code=problem["code"],
                detail=problem["detail"],
                duration_seconds=_seconds_since(claim),
            )
            await work.publish(event, subject=str(claim.id))
            await work.commit()

    async def cancel(self, claim: Claim) -> None:
        async with self._database.unit_of_work() as work:
            await RunRepository(work.session).settle(claim, RunStatus.CANCELLED, phase="cancelled")
            await work.commit()

    async def give_back(self, claim: Claim, *, counts: bool) -> None:
        """Queued again for any worker; `counts` says whether this was one of the run's attempts."""
        async with self._database.unit_of_work() as work:
            attempts = claim.attempts if counts else claim.attempts - 1
            await RunRepository(work.session).settle(claim, RunStatus.QUEUED, attempts=attempts, phase="queued")
            await work.commit()

    async def queue_due_replan(self) -> bool:
        """A run for the imports of the last minutes, once no more have come for a while."""
        async with self._database.unit_of_work() as work:
            if not await ReplanRepository(work.session).take_due():
                return False
            await queue_run(RunRepository(work.session), Trigger.IMPORT, "forecast", None)
            await work.commit()
        return True

    async def forget_outdated(
        self, keep: int, forget_plans: Callable[[UnitOfWork, list[UUID]], Awaitable[None]]
    ) -> int:
        """Forecasts, accuracy and undecided plan lines of old runs go; the runs themselves stay in the list."""
        async with self._database.unit_of_work() as work:
            repository = RunRepository(work.session)
            outdated = await repository.outdated(keep)
            if outdated:
                await repository.forget_forecasts(outdated)
                await forget_accuracy(work, outdated)
                await forget_plans(work, outdated)
                await work.commit()
        return len(outdated)


async def postpone_replan(work: UnitOfWork, seconds: float) -> None:
    """In the caller's transaction: new data has come; a run starts when no more has come for `seconds`."""
    await ReplanRepository(work.session).postpone(seconds, _LONGEST_WAIT_FACTOR * seconds)


async def queue_run(
    repository: RunRepository, trigger: Trigger, requested_by: str, horizon_days: int | None
) -> RunRecord:
    """In the caller's transaction. A run that waits already would do the same work: one is enough."""
    queued = await repository.find_queued(horizon_days)
    if queued is not None:
        return queued
    run_id = new_id()
    await repository.add(run_id, trigger=trigger, requested_by=requested_by, horizon_days=horizon_days)
    return await _found(repository, run_id)


async def _found(repository: RunRepository, run_id: UUID) -> RunRecord:
    run = await repository.find(run_id)
    if run is None:
        raise RunNotFoundError(f"There is no forecast run {run_id}. GET /v1/runs lists them.")
    return run


def _seconds_since(claim: Claim) -> float:
    return round(max(0.0, (datetime.now(UTC) - claim.started_at).total_seconds()), 3)


def _completed(run: RunRecord, seconds: float) -> RunCompletedV1:
    accuracy = run.accuracy or {}
    return RunCompletedV1(
        run_id=run.id,
        trigger=run.trigger,
        history_end=run.history_end,
        horizon_days=run.horizon_days or 0,
        articles=run.articles or 0,
        models=run.models,
        accuracy=ForecastAccuracy(
            wape_28=accuracy.get("wape_28"),
            naive_wape_28=accuracy.get("naive_wape_28"),
            wape=accuracy.get("wape"),
            bias=accuracy.get("bias"),
        ),
        duration_seconds=seconds,
    )
