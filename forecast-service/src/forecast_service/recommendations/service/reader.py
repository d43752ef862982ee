"""Reading plans and their lines, and rejecting lines."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from forecast_service.recommendations.domain.filters import LineFilter
from forecast_service.recommendations.domain.summary import PlanFigures, PlanOverview
from forecast_service.recommendations.errors import (
    AlreadyDecidedError,
    PlanNotFoundError,
    RecommendationNotFoundError,
)
from forecast_service.recommendations.models import Plan, Recommendation
from forecast_service.recommendations.repository import PlanRepository, RecommendationRepository
from shared.database.unit_of_work import Database, UnitOfWork
from shared.web.identity import AccessScope

_DECIDABLE = frozenset({"proposed", "waits", "drafted"})


class PlanReader:
    """What lies outside `scope` is not there for the caller, and not in the figures either."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._database = database
        self._scope = scope

    async def get_plan(self, plan_id: UUID | None) -> PlanOverview:
        """The current one when no id is given. Raises: PlanNotFoundError."""
        async with self._database.unit_of_work() as work:
            repository = PlanRepository(work.session)
            plan = await (repository.latest() if plan_id is None else repository.find(plan_id))
            if plan is not None:
                return (await self._overviews(work, [plan]))[0]
        raise PlanNotFoundError(
            "There is no plan yet. Start a forecast run (POST /v1/runs)."
            if plan_id is None
            else f"There is no plan {plan_id}. GET /v1/plans lists them."
        )

    async def list_plans(self, *, limit: int, after: UUID | None) -> Sequence[PlanOverview]:
        async with self._database.unit_of_work() as work:
            plans = await PlanRepository(work.session).list_plans(limit=limit, after=after)
            return await self._overviews(work, plans)

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
            lines = RecommendationRepository(work.session, self._scope)
            return await lines.list_lines(plan.id, filters, limit=limit, after=after)

    async def get_recommendation(self, recommendation_id: UUID) -> Recommendation:
        async with self._database.unit_of_work() as work:
            return await _found(RecommendationRepository(work.session, self._scope), recommendation_id)

    async def reject(self, recommendation_id: UUID, *, reason: str, decided_by: str) -> Recommendation:
        """Raises: RecommendationNotFoundError, AlreadyDecidedError."""
        async with self._database.unit_of_work() as work:
            repository = RecommendationRepository(work.session, self._scope)
            line = await _found(repository, recommendation_id)
            if line.status not in _DECIDABLE:
                raise AlreadyDecidedError(f"The line is {line.status}; only open proposals can be rejected.")
            await repository.decide([line.id], status="rejected", decided_by=decided_by, rejection_reason=reason)
            await work.commit()
            return await _found(repository, recommendation_id)

    async def _overviews(self, work: UnitOfWork, plans: Sequence[Plan]) -> list[PlanOverview]:
        if not self._scope.is_limited:
            return [_overview(plan, _whole(plan)) for plan in plans]
        figures = await RecommendationRepository(work.session, self._scope).figures([plan.id for plan in plans])
        return [_overview(plan, figures[plan.id]) for plan in plans]


def _whole(plan: Plan) -> PlanFigures:
    return PlanFigures(plan.lines, plan.proposed, plan.blocked, plan.waiting, plan.at_risk, plan.values)


def _overview(plan: Plan, figures: PlanFigures) -> PlanOverview:
    return PlanOverview(plan.id, plan.run_id, plan.planned_on, plan.policy, plan.created_at, figures)


async def _found(repository: RecommendationRepository, recommendation_id: UUID) -> Recommendation:
    line = await repository.find(recommendation_id)
    if line is None:
        raise RecommendationNotFoundError(
            f"There is no recommendation {recommendation_id}. GET /v1/recommendations lists those of the current plan."
        )
    return line
