"""The events a plan makes true."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from forecast_service.recommendations.domain.plan import PlanLine
from forecast_service.recommendations.domain.summary import PlanSummary
from shared.events.fields import BATCH_LIMIT
from shared.events.forecast import (
    ProposedLine,
    RecommendationsPublishedV1,
    StockoutRisk,
    StockoutRiskDetectedV1,
    SupplierProposal,
)

_NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": the supplier's terms name none."""


def published(plan_id: UUID, run_id: UUID, summary: PlanSummary) -> RecommendationsPublishedV1:
    suppliers = sorted(summary.suppliers.items(), key=lambda item: -item[1].value)
    return RecommendationsPublishedV1(
        plan_id=plan_id,
        run_id=run_id,
        recommendations=summary.proposed,
        blocked=summary.blocked,
        suppliers=[
            SupplierProposal(
                supplier=code,
                supplier_name=total.name or code,
                lines=total.lines,
                value=_money(total.value),
                currency=currency or _NO_CURRENCY,
            )
            for (code, currency), total in suppliers[:BATCH_LIMIT]
        ],
        most_urgent=[_proposed(line_id, line) for line_id, line in summary.most_urgent()],
    )


def risks(plan_id: UUID, summary: PlanSummary) -> Iterator[StockoutRiskDetectedV1]:
    """Batches, the most valuable shortage first."""
    ordered = sorted(summary.risks, key=lambda line: -line.expected_shortage_value)
    for begin in range(0, len(ordered), BATCH_LIMIT):
        batch = [_risk(line) for line in ordered[begin : begin + BATCH_LIMIT]]
        yield StockoutRiskDetectedV1(plan_id=plan_id, risks=batch)


def _proposed(line_id: UUID, line: PlanLine) -> ProposedLine:
    return ProposedLine(
        recommendation_id=line_id,
        sku=line.sku,
        name=line.name,
        warehouse=line.warehouse,
        supplier=line.supplier,
        quantity=line.quantity,
        unit=line.unit,
        line_value=_money(line.line_value or 0.0),
        currency=line.currency or _NO_CURRENCY,
        order_by=line.order_by,
        runs_out_on=line.runs_out_on,
    )


def _risk(line: PlanLine) -> StockoutRisk:
    assert line.runs_out_on is not None  # noqa: S101 -- part of being at risk
    return StockoutRisk(
        sku=line.sku,
        name=line.name,
        warehouse=line.warehouse,
        supplier=line.supplier or None,
        on_hand=line.inputs.on_hand,
        on_order=line.inputs.on_order,
        runs_out_on=line.runs_out_on,
        arrives_on=line.arrives_on,
        expected_shortage_units=line.expected_shortage_units,
        expected_shortage_value=_money(line.expected_shortage_value),
        currency=line.currency or _NO_CURRENCY,
    )


def _money(value: float) -> Decimal:
    return Decimal(str(round(value, 2)))
