"""The worker of runs: takes one at a time, keeps its lease, survives whatever data or database do."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from prometheus_client import Counter, Gauge, Histogram

from forecast_service.forecasts.adapters.computation import Computation
from forecast_service.forecasts.adapters.demand import fetch_demand
from forecast_service.forecasts.adapters.workspace import Workspace
from forecast_service.forecasts.domain.result import RunOptions
from forecast_service.forecasts.domain.runs import Claim, RunRecord
from forecast_service.forecasts.errors import LeaseLostError, RunCancelledError, RunInterruptedError
from forecast_service.forecasts.service import Planning, RunQueue
from forecast_service.resources import Resources
from forecast_service.settings import Settings
from shared.clients.data_client import DataClient
from shared.errors import ServiceError
from shared.observability.logging import get_logger

RUNS = Counter("forecast_runs_total", "Forecast runs by how they ended.", ["outcome"])
RUN_DURATION = Histogram(
    "forecast_run_duration_seconds",
    "Time from the start of a run to its end.",
    buckets=(5, 10, 30, 60, 120, 300, 600, 1800, 7200),
)
ARTICLES = Gauge("forecast_articles", "Pairs of article and warehouse in the last run.")
WAPE_28 = Gauge("forecast_wape_28_ratio", "Error of 28-day sums in the last run's held-out days, 0.25 = 25 percent.")

_RENEWALS_PER_LEASE = 4
_PAUSE_AFTER_FAILURE_SECONDS = 5.0
_LOADED, _COMPUTED, _STORED = 0.05, 0.85, 0.9
_log = get_logger(__name__)


@dataclass
class _Position:
    """Where a run stands; the lease is renewed with it."""

    phase: str = "loading"
    progress: float = 0.0
    is_finishing: bool = False

    def move(self, phase: str, progress: float) -> None:
        self.phase = phase
        self.progress = progress


class RunWorker:
    def __init__(
        self, queue: RunQueue, data: DataClient, computation: Computation, planning: Planning, settings: Settings
    ) -> None:
        self._queue = queue
        self._data = data
        self._computation = computation
        self._planning = planning
        self._settings = settings

    async def run(self) -> None:
        """Until cancelled; a run in hand is then given back."""
        while True:
            try:
                await self._queue.queue_due_replan()
                if not await self.run_once():
                    await asyncio.sleep(self._settings.run_poll_seconds)
            except Exception:  # noqa: BLE001 -- the loop outlives a lost database; the log has the trace
                _log.exception("run_worker_failed")
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)

    async def run_once(self) -> bool:
        """Works on one run if one waits."""
        claim = await self._queue.claim()
        if claim is not None:
            await self._process(claim)
        return claim is not None

    async def sweep(self) -> None:
        forgotten = await self._queue.forget_outdated(self._settings.keep_runs, self._planning.forget_plans)
        if forgotten:
            _log.info("old_runs_forgotten", runs=forgotten)

    async def _process(self, claim: Claim) -> None:
        began = monotonic()
        position = _Position()
        _log.info("run_started", run_id=str(claim.id), attempt=claim.attempts, trigger=claim.trigger)
        try:
            run = await self._guarded(claim, position)
        except LeaseLostError:
            _log.warning("run_lease_lost", run_id=str(claim.id))
        except RunCancelledError:
            with suppress(LeaseLostError):
                await self._queue.cancel(claim)
            RUNS.labels("cancelled").inc()
            _log.info("run_cancelled", run_id=str(claim.id))
        except asyncio.CancelledError:
            with suppress(LeaseLostError):
                await asyncio.shield(self._queue.give_back(claim, counts=False))
            raise
        except ServiceError as error:
            _log.warning("run_failed", run_id=str(claim.id), code=error.code, notes=getattr(error, "__notes__", []))
            await self._fail(claim, position, error)
        except Exception:  # noqa: BLE001 -- logged; the run is tried again, and given up at last
            _log.exception("run_attempt_failed", run_id=str(claim.id), attempt=claim.attempts)
            await self._retry(claim, position)
        else:
            _note(run, monotonic() - began)

    async def _guarded(self, claim: Claim, position: _Position) -> RunRecord:
        """The work with the lease renewed beside it; it is ended when the lease is lost or somebody cancels."""
        if claim.attempts > self._settings.run_attempts:
            raise _interrupted(claim)
        work = asyncio.create_task(self._work(claim, position), name=f"run {claim.id}")
        renewal = asyncio.create_task(self._renew(claim, position), name=f"lease of run {claim.id}")
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                renewal.result()
            return await work
        finally:
            for task in (work, renewal):
                task.cancel()
            await asyncio.gather(work, renewal, return_exceptions=True)

    async def _renew(self, claim: Claim, position: _Position) -> None:
        """Ends with the reason to stop, or when the run is finishing: then the last transaction decides alone.

        A renewal missed for want of the database is made up for by the next one.
        """
        while not position.is_finishing:
            try:
                requested = await self._queue.renew(claim, position.phase, position.progress)
            except LeaseLostError:
                if position.is_finishing:
                    return
                raise
            except Exception:  # noqa: BLE001 -- see above
                _log.exception("run_lease_not_renewed", run_id=str(claim.id))
            else:
                if requested and not position.is_finishing:
                    raise RunCancelledError
            await asyncio.sleep(min(1.0, self._settings.run_lease_seconds / _RENEWALS_PER_LEASE))

    async def _work(self, claim: Claim, position: _Position) -> RunRecord:
        if not claim.has_forecasts:
            await self._forecast(claim, position)
        position.move("planning", _STORED)
        plan_id = await self._planning.publish_plan(claim.id)
        position.is_finishing = True
        return await self._queue.complete(claim, plan_id)

    async def _forecast(self, claim: Claim, position: _Position) -> None:
        workspace = Workspace(self._settings.spool_directory / str(claim.id))
        await asyncio.to_thread(workspace.create)
        try:
            horizon_days = claim.requested_horizon_days or await self._planning.horizon_days()
            await fetch_demand(self._data, workspace.demand_path)
            options = RunOptions(
                horizon_days=horizon_days,
                boosting_rows=self._settings.boosting_rows,
                boosting_trees=self._settings.boosting_trees,
                smoothing_series=self._settings.smoothing_series,
            )

            def report(phase: str, progress: float) -> None:
                position.move(phase, _LOADED + progress * (_COMPUTED - _LOADED))

            position.move("computing", _LOADED)
            series, outcome = await self._computation.run(workspace, options, report)
            position.move("storing", _COMPUTED)
            await self._queue.keep_result(claim, series, outcome)
        finally:
            await asyncio.shield(asyncio.to_thread(workspace.remove))

    async def _fail(self, claim: Claim, position: _Position, error: ServiceError) -> None:
        problem = {"status": error.status, "code": error.code, "title": error.title, "detail": error.detail}
        with suppress(LeaseLostError):
            await self._queue.fail(claim, position.phase, problem)
            RUNS.labels("failed").inc()

    async def _retry(self, claim: Claim, position: _Position) -> None:
        if claim.attempts >= self._settings.run_attempts:
            await self._fail(claim, position, _unexpected())
            return
        with suppress(LeaseLostError):
            await self._queue.give_back(claim, counts=True)
        await asyncio.sleep(self._settings.run_poll_seconds)


def _note(run: RunRecord, seconds: float) -> None:
    RUNS.labels("completed").inc()
    RUN_DURATION.observe(seconds)
    ARTICLES.set(run.articles or 0)
    wape_28 = (run.accuracy or {}).get("wape_28")
    if wape_28 is not None:
        WAPE_28.set(wape_28)
    _log.info("run_completed", run_id=str(run.id), seconds=round(seconds, 1), articles=run.articles, wape_28=wape_28)


def _interrupted(claim: Claim) -> RunInterruptedError:
    return RunInterruptedError(
        f"The worker died {claim.attempts - 1} times while it worked on this run. The previous forecasts stay. "
        "Look at the worker's memory and log, then start a new run."
    )


def _unexpected() -> ServiceError:
    return ServiceError(
        "Something failed on our side, several times. The previous forecasts stay. "
        "Start a new run later; if it stays, report the run's id."
    )


def create_run_worker(resources: Resources, planning: Planning) -> RunWorker:
    settings = resources.settings
    return RunWorker(
        RunQueue(resources.database, settings.run_lease_seconds),
        resources.data,
        Computation(settings.compute_threads, settings.run_timeout_seconds),
        planning,
        settings,
    )
