"""Queries of plans and recommendations."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, desc, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from forecast_service.recommendations.domain.approval import ApprovalLine
from forecast_service.recommendations.domain.filters import LineFilter
from forecast_service.recommendations.domain.plan import PlanLine
from forecast_service.recommendations.domain.summary import PlanFigures
from forecast_service.recommendations.models import Plan, Recommendation
from shared.database.base import new_id
from shared.web.identity import AccessScope

_UNDECIDED = ("proposed", "waits", "not_needed")
_COLUMNS = (
    "id",
    "plan_id",
    "sku",
    "warehouse",
    "name",
    "category",
    "supplier",
    "supplier_name",
    "unit",
    "currency",
    "quantity",
    "unit_cost",
    "line_value",
    "status",
    "blocked",
    "order_by",
    "arrives_on",
    "runs_out_on",
    "days_of_cover",
    "expected_shortage_units",
    "expected_shortage_value",
    "urgency_value",
    "on_hand",
    "on_order",
    "reserved",
    "service_level",
    "inputs",
    "steps",
    "reason_en",
    "reason_ru",
)


_TO_ORDER = Recommendation.status.in_(("proposed", "drafted", "approved", "rejected"))
_PROPOSED = and_(_TO_ORDER, Recommendation.blocked.is_(None))
_AT_RISK = and_(Recommendation.runs_out_on < Recommendation.arrives_on, Recommendation.expected_shortage_units > 0)
_FIGURES = select(
    Recommendation.plan_id,
    Recommendation.currency,
    func.count().label("lines"),
    func.count().filter(_PROPOSED).label("proposed"),
    func.count().filter(_TO_ORDER, Recommendation.blocked.is_not(None)).label("blocked"),
    func.count().filter(Recommendation.status == "waits").label("waiting"),
    func.count().filter(_AT_RISK).label("at_risk"),
    func.sum(Recommendation.line_value).filter(_PROPOSED).label("value"),
).group_by(Recommendation.plan_id, Recommendation.currency)


class PlanRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, plan: Plan) -> None:
        self._session.add(plan)
        await self._session.flush()

    async def find(self, plan_id: UUID) -> Plan | None:
        return await self._session.get(Plan, plan_id)

    async def find_of_run(self, run_id: UUID) -> UUID | None:
        query = select(Plan.id).where(Plan.run_id == run_id).order_by(Plan.id.desc()).limit(1)
        return (await self._session.execute(query)).scalar_one_or_none()

    async def latest(self) -> Plan | None:
        return (await self._session.execute(select(Plan).order_by(Plan.id.desc()).limit(1))).scalar_one_or_none()

    async def list_plans(self, *, limit: int, after: UUID | None) -> Sequence[Plan]:
        """Newest first."""
        query = select(Plan).order_by(Plan.id.desc()).limit(limit)
        if after is not None:
            query = query.where(Plan.id < after)
        return (await self._session.execute(query)).scalars().all()

    async def forget_undecided(self, run_ids: Sequence[UUID]) -> None:
        """What somebody decided stays."""
        plans = select(Plan.id).where(Plan.run_id.in_(run_ids)).scalar_subquery()
        await self._session.execute(
            delete(Recommendation).where(Recommendation.plan_id.in_(plans), Recommendation.status.in_(_UNDECIDED))
        )


class RecommendationRepository:
    """Lines outside `scope` are not found."""

    def __init__(self, session: AsyncSession, scope: AccessScope) -> None:
        self._session = session
        self._visible = _visible(scope)

    async def figures(self, plan_ids: Sequence[UUID]) -> dict[UUID, PlanFigures]:
        """Of the lines there still are: what nobody decided on goes with the forecasts it came from."""
        query = _FIGURES.where(Recommendation.plan_id.in_(plan_ids), *self._visible)
        figures = {plan_id: PlanFigures() for plan_id in plan_ids}
        for row in (await self._session.execute(query)).mappings():
            figures[row["plan_id"]] += PlanFigures(
                lines=row["lines"],
                proposed=row["proposed"],
                blocked=row["blocked"],
                waiting=row["waiting"],
                at_risk=row["at_risk"],
                values={row["currency"]: round(row["value"] or 0.0, 2)} if row["proposed"] else {},
            )
        return figures

    async def find(self, recommendation_id: UUID) -> Recommendation | None:
        query = select(Recommendation).where(Recommendation.id == recommendation_id, *self._visible)
        query = query.execution_options(populate_existing=True)
        return (await self._session.execute(query)).scalar_one_or_none()

    async def list_lines(
        self, plan_id: UUID, filters: LineFilter, *, limit: int, after: tuple[Any, ...] | None
    ) -> Sequence[Recommendation]:
        """By urgency (most money first) or by article."""
        query = _filtered(select(Recommendation).where(Recommendation.plan_id == plan_id, *self._visible), filters)
        if filters.order == "urgency":
            query = query.order_by(desc(Recommendation.urgency_value), desc(Recommendation.id))
            key: ColumnElement[Any] = tuple_(Recommendation.urgency_value, Recommendation.id)
            query = query.where(key < after) if after is not None else query
        else:
            query = query.order_by(Recommendation.sku, Recommendation.warehouse)
            key = tuple_(Recommendation.sku, Recommendation.warehouse)
            query = query.where(key > after) if after is not None else query
        return (await self._session.execute(query.limit(limit))).scalars().all()

    async def approval_lines(self, ids: Sequence[UUID]) -> list[ApprovalLine]:
        query = select(Recommendation).where(Recommendation.id.in_(ids), *self._visible)
        return [_approval_line(row) for row in (await self._session.execute(query)).scalars()]

    async def approvable(self, plan_id: UUID, supplier: str) -> list[UUID]:
        """What a supplier's card shows: lines proposed, drafted or approved before."""
        query = select(Recommendation.id).where(
            Recommendation.plan_id == plan_id,
            Recommendation.supplier == supplier,
            Recommendation.status.in_(("proposed", "drafted", "approved")),
            Recommendation.quantity > 0,
            *self._visible,
        )
        return list((await self._session.execute(query)).scalars())

    async def decide(self, ids: Sequence[UUID], *, status: str, decided_by: str, **values: Any) -> None:
        await self._session.execute(
            update(Recommendation)
            .where(Recommendation.id.in_(ids))
            .values(status=status, decided_by=decided_by, decided_at=func.now(), **values)
        )


async def copy_lines(connection: Any, plan_id: UUID, lines: Sequence[PlanLine]) -> list[UUID]:
    """`connection` is the driver's, inside the caller's transaction. Returns the ids in the order of the lines."""
    ids = [new_id() for _ in lines]
    records = [_record(line_id, plan_id, line) for line_id, line in zip(ids, lines, strict=True)]
    await connection.copy_records_to_table("recommendations", schema_name="forecast", records=records, columns=_COLUMNS)
    return ids


def _record(line_id: UUID, plan_id: UUID, line: PlanLine) -> tuple[Any, ...]:
    values = {
        **{name: getattr(line, name) for name in _COLUMNS if hasattr(line, name)},
        "id": line_id,
        "plan_id": plan_id,
        "on_hand": line.inputs.on_hand,
        "on_order": line.inputs.on_order,
        "reserved": line.inputs.reserved,
        "service_level": line.inputs.service_level,
        "inputs": json.dumps(asdict(line.inputs), ensure_ascii=False),
        "steps": json.dumps(line.steps, ensure_ascii=False),
        "reason_en": line.reason["en"],
        "reason_ru": line.reason["ru"],
    }
    return tuple(values[name] for name in _COLUMNS)


def _visible(scope: AccessScope) -> list[ColumnElement[bool]]:
    limits = (
        (Recommendation.category, scope.categories),
        (Recommendation.supplier, scope.suppliers),
        (Recommendation.warehouse, scope.warehouses),
    )
    return [column.in_(codes) for column, codes in limits if codes is not None]


def _filtered(query: Select[Recommendation], filters: LineFilter) -> Select[Recommendation]:
    if filters.sku is not None:
        query = query.where(Recommendation.sku == filters.sku)
    if filters.supplier is not None:
        query = query.where(Recommendation.supplier == filters.supplier)
    if filters.warehouse is not None:
        query = query.where(Recommendation.warehouse == filters.warehouse)
    if filters.statuses:
        query = query.where(Recommendation.status.in_(filters.statuses))
    if filters.only_orders:
        query = query.where(Recommendation.quantity > 0)
    return query


def _approval_line(row: Recommendation) -> ApprovalLine:
    return ApprovalLine(
        id=row.id,
        plan_id=row.plan_id,
        sku=row.sku,
        supplier=row.supplier,
        warehouse=row.warehouse,
        currency=row.currency,
        quantity=row.quantity,
        unit_cost=row.unit_cost,
        status=row.status,
        blocked=row.blocked,
        arrives_on=row.arrives_on,
        purchase_order_id=row.purchase_order_id,
        purchase_order_number=row.purchase_order_number,
    )
