"""Making a plan, reading it, rejecting its lines."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any
from uuid import UUID

import numpy as np

from forecast_service.forecasts.domain.distribution import LEVELS, DemandDistribution
from forecast_service.forecasts.domain.outcome import StoredSeries
from forecast_service.forecasts.domain.runs import RunRecord, horizon_for
from forecast_service.forecasts.service import ForecastService
from forecast_service.recommendations.adapters.announcements import published, risks
from forecast_service.recommendations.adapters.planning import fetch_planning_inputs
from forecast_service.recommendations.domain.filters import LineFilter
from forecast_service.recommendations.domain.inputs import PlanningInputs
from forecast_service.recommendations.domain.plan import ArticleDemand, PlanLine, make_plan
from forecast_service.recommendations.domain.policy import PlanPolicy
from forecast_service.recommendations.domain.proposal import longest_protection
from forecast_service.recommendations.domain.summary import PlanSummary
from forecast_service.recommendations.errors import (
    AlreadyDecidedError,
    PlanNotFoundError,
    RecommendationNotFoundError,
)
from forecast_service.recommendations.models import Plan, Recommendation
from forecast_service.recommendations.repository import PlanRepository, RecommendationRepository, copy_lines
from shared.clients.data_client import DataClient
from shared.database.base import new_id
from shared.database.unit_of_work import Database, UnitOfWork

_LINES_PER_BLOCK = 1000
_DECIDABLE = frozenset({"proposed", "waits", "drafted"})


class PlanService:
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

    async def get_plan(self, plan_id: UUID | None) -> Plan:
        """The current one when no id is given. Raises: PlanNotFoundError."""
        async with self._database.unit_of_work() as work:
            repository = PlanRepository(work.session)
            plan = await (repository.latest() if plan_id is None else repository.find(plan_id))
        if plan is None:
            raise PlanNotFoundError(
                "There is no plan yet. Start a forecast run (POST /v1/runs)."
                if plan_id is None
                else f"There is no plan {plan_id}. GET /v1/plans lists them."
            )
        return plan

    async def list_plans(self, *, limit: int, after: UUID | None) -> Sequence[Plan]:
        async with self._database.unit_of_work() as work:
            return await PlanRepository(work.session).list_plans(limit=limit, after=after)

    async def list_recommendations(
        self, plan_id: UUID | None, filters: LineFilter, *, limit: int, after: tuple[Any, ...] | None
    ) -> Sequence[Recommendation]:
        """Of the current plan unless another is named; empty while there is none. Raises: PlanNotFoundError."""
        async with self._database.unit_of_work() as work:
            plans = PlanRepository(work.session)
            plan = await (plans.latest() if plan_id is None else plans.find(plan_id))
            if plan is None and plan_id is not None:
                raise PlanNotFoundError(f"There is no plan {plan_id}. GET /v1/plans lists them.")
            if plan is None:
                return []
            lines = RecommendationRepository(work.session)
            return await lines.list_lines(plan.id, filters, limit=limit, after=after)

    async def get_recommendation(self, recommendation_id: UUID) -> Recommendation:
        async with self._database.unit_of_work() as work:
            return await _found(RecommendationRepository(work.session), recommendation_id)

    async def reject(self, recommendation_id: UUID, *, reason: str, decided_by: str) -> Recommendation:
        """Raises: RecommendationNotFoundError, AlreadyDecidedError."""
        async with self._database.unit_of_work() as work:
            repository = RecommendationRepository(work.session)
            line = await _found(repository, recommendation_id)
            if line.status not in _DECIDABLE:
                raise AlreadyDecidedError(f"The line is {line.status}; only open proposals can be rejected.")
            await repository.decide([line.id], status="rejected", decided_by=decided_by, rejection_reason=reason)
            await work.commit()
            return await _found(repository, recommendation_id)

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


async def _found(repository: RecommendationRepository, recommendation_id: UUID) -> Recommendation:
    line = await repository.find(recommendation_id)
    if line is None:
        raise RecommendationNotFoundError(
            f"There is no recommendation {recommendation_id}. GET /v1/recommendations lists those of the current plan."
        )
    return line
