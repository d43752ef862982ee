"""Making a plan."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from uuid import UUID

import numpy as np

from forecast_service.forecasts.domain.distribution import LEVELS, DemandDistribution
from forecast_service.forecasts.domain.outcome import StoredSeries
from forecast_service.forecasts.domain.runs import RunRecord, horizon_for
from forecast_service.forecasts.service import ForecastService
from forecast_service.recommendations.adapters.announcements import published, risks
from forecast_service.recommendations.adapters.planning import fetch_planning_inputs
from forecast_service.recommendations.domain.inputs import PlanningInputs
from forecast_service.recommendations.domain.plan import ArticleDemand, PlanLine, make_plan
from forecast_service.recommendations.domain.policy import PlanPolicy
from forecast_service.recommendations.domain.proposal import longest_protection
from forecast_service.recommendations.domain.summary import PlanSummary
from forecast_service.recommendations.models import Plan
from forecast_service.recommendations.repository import PlanRepository, copy_lines
from shared.clients.data_client import DataClient
from shared.database.base import new_id
from shared.database.unit_of_work import Database, UnitOfWork

_LINES_PER_BLOCK = 1000
_DECIDABLE = frozenset({"proposed", "waits", "drafted"})


class PlanService:
    """Makes plans: for the whole company, whoever asked."""

    def __init__(self, database: Database, forecasts: ForecastService, data: DataClient, policy: PlanPolicy) -> None:
        self._database = database
        self._forecasts = forecasts
        self._data = data
        self._policy = policy

    async def horizon_days(self) -> int:
        """Days a forecast must reach to cover the longest lead time with its order interval."""
        inputs = await fetch_planning_inputs(self._data)
        return horizon_for(longest_protection(inputs, self._policy))

    async def publish_plan(self, run_id: UUID) -> UUID:
        """The plan of a run, from its forecasts and today's stock and orders; made once however often it is asked.

        Raises:
            UnreadablePlanningInputsError, UpstreamError and its kind: data-service did not give the inputs.
        """
        async with self._database.unit_of_work() as work:
            existing = await PlanRepository(work.session).find_of_run(run_id)
        if existing is not None:
            return existing
        inputs = await fetch_planning_inputs(self._data)
        run, series = await self._forecasts.load_series(run_id)
        demand = await asyncio.to_thread(_demand_of, run, series, inputs)
        lines = make_plan(inputs, demand, self._policy)
        plan = Plan(id=new_id(), run_id=run_id, planned_on=demand.planned_on, policy=asdict(self._policy))
        async with self._database.unit_of_work() as work:
            summary = await self._stored(work, plan, lines)
            await work.publish(published(plan.id, run_id, summary), subject=str(plan.id))
            for event in risks(plan.id, summary):
                await work.publish(event, subject=str(plan.id))
            await work.commit()
        return plan.id

    @staticmethod
    async def forget_plans(work: UnitOfWork, run_ids: list[UUID]) -> None:
        """In the caller's transaction: the undecided lines of these runs' plans go."""
        await PlanRepository(work.session).forget_undecided(run_ids)

    @staticmethod
    async def _stored(work: UnitOfWork, plan: Plan, lines: Iterator[PlanLine]) -> PlanSummary:
        """Block by block, so that memory does not grow with the plan."""
        summary = PlanSummary()
        _note(plan, summary)
        await PlanRepository(work.session).add(plan)
        connection = await work.driver()
        while block := await asyncio.to_thread(lambda: list(islice(lines, _LINES_PER_BLOCK))):
            ids = await copy_lines(connection, plan.id, block)
            for line_id, line in zip(ids, block, strict=True):
                summary.add(line_id, line)
        _note(plan, summary)
        return summary


def _note(plan: Plan, summary: PlanSummary) -> None:
    plan.lines = summary.lines
    plan.proposed = summary.proposed
    plan.blocked = summary.blocked
    plan.waiting = summary.waiting
    plan.at_risk = len(summary.risks)
    plan.values = {currency: round(value, 2) for currency, value in sorted(summary.values.items())}


def _demand_of(run: RunRecord, series: StoredSeries, inputs: PlanningInputs) -> ArticleDemand:
    """Forecasts in the order of the planning inputs; nothing is expected of an article that was never sold."""
    keys = zip(inputs.texts["sku"], inputs.texts["warehouse"], strict=True)
    rows = np.array([series.keys.get((sku or "", warehouse or ""), -1) for sku, warehouse in keys], dtype=np.int64)
    known = rows >= 0
    horizon = run.horizon_days or 1
    mean = np.zeros((inputs.size, horizon))
    sums = np.zeros((inputs.size, series.sums.shape[1] // len(LEVELS), len(LEVELS)))
    sold = np.zeros(inputs.size)
    mean[known] = series.mean[rows[known]]
    sums[known] = series.sums[rows[known]].reshape(-1, *sums.shape[1:])
    sold[known] = np.array(series.recent, dtype=np.float64)[rows[known]]
    models = [series.models[row] if row >= 0 else "none" for row in rows.tolist()]
    history_end = run.history_end or run.created_at.date()
    return ArticleDemand(DemandDistribution(mean, sums), sold, models, history_end)
