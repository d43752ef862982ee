"""A whole plan: from forecast, stock and terms to order lines with their reasons."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.distribution import DemandDistribution
from forecast_service.recommendations.domain.explanation import LineInputs, Step, explain
from forecast_service.recommendations.domain.inputs import PlanningInputs
from forecast_service.recommendations.domain.policy import PlanPolicy
from forecast_service.recommendations.domain.proposal import Proposal, propose
from forecast_service.recommendations.domain.quantity import is_same
from forecast_service.recommendations.domain.texts import Texts, reason
from forecast_service.recommendations.domain.timing import Timing, time_lines


class ReplayError(RuntimeError):
    """A line's explanation leads to another quantity than the line proposes: the plan must not be published."""


@dataclass(frozen=True)
class ArticleDemand:
    """The forecast in the order of the planning inputs; the first day of `distribution` is the day of the plan.

    `sold_daily` (lines,) are units sold a day lately; `models` names the leading model of each line; `known_until` is
    the last day of sales that went into it.
    """

    distribution: DemandDistribution
    sold_daily: NDArray[np.float64]
    models: list[str]
    known_until: date

    @property
    def planned_on(self) -> date:
        return self.known_until + timedelta(days=1)


@dataclass(frozen=True)
class PlanLine:
    """`status` is proposed, waits (for the supplier's minimum) or not_needed; a line with `blocked` must not be ordered
    before somebody has looked. `expected_shortage_*` cannot be avoided any more by ordering, `urgency_value` is what is
    lost if nothing is ordered at all; money is in `currency`.
    """

    sku: str
    name: str
    category: str
    warehouse: str
    supplier: str
    supplier_name: str
    unit: str
    currency: str
    quantity: float
    unit_cost: float | None
    status: str
    blocked: str | None
    order_by: date | None
    arrives_on: date
    runs_out_on: date | None
    days_of_cover: float | None
    expected_shortage_units: float
    expected_shortage_value: float
    urgency_value: float
    inputs: LineInputs
    steps: list[dict[str, Any]]
    reason: Texts

    @property
    def line_value(self) -> float | None:
        return None if self.unit_cost is None else self.quantity * self.unit_cost

    @property
    def at_risk(self) -> bool:
        """Runs out before an order placed on the next possible day could arrive."""
        return self.runs_out_on is not None and self.runs_out_on < self.arrives_on and self.expected_shortage_units > 0


def make_plan(inputs: PlanningInputs, demand: ArticleDemand, policy: PlanPolicy) -> Iterator[PlanLine]:
    """One line per article and warehouse, also where nothing has to be ordered.

    Raises:
        ReplayError: an explanation does not lead to the quantity it explains.
    """
    proposal = propose(inputs, demand.distribution, demand.known_until, policy)
    timing = time_lines(inputs, demand.distribution, proposal, demand.planned_on)
    for line in range(inputs.size):
        yield _line(inputs, demand, proposal, timing, line)


def _line(inputs: PlanningInputs, demand: ArticleDemand, proposal: Proposal, timing: Timing, line: int) -> PlanLine:
    known = _inputs_of(inputs, demand, proposal, line)
    steps, replayed = explain(known)
    quantity = float(proposal.quantity[line])
    if not is_same(replayed, quantity):
        raise ReplayError(f"{inputs.text('sku', line)}: proposed {quantity}, but the explanation leads to {replayed}")
    blocked = proposal.blocked[line]
    safe_until = demand.planned_on + timedelta(days=known.protection_days)
    runs_out = int(timing.runs_out[line])
    cover = float(timing.cover[line])
    return PlanLine(
        sku=inputs.text("sku", line),
        name=inputs.text("name", line, inputs.text("sku", line)),
        category=inputs.text("category", line),
        warehouse=inputs.text("warehouse", line),
        supplier=inputs.text("supplier", line),
        supplier_name=inputs.text("supplier_name", line, inputs.text("supplier", line)),
        unit=inputs.text("unit", line),
        currency=inputs.text("currency", line),
        quantity=quantity,
        unit_cost=known.unit_cost,
        status=_status(quantity, steps),
        blocked=blocked,
        order_by=demand.planned_on + timedelta(days=int(timing.order_by[line])) if quantity > 0 else None,
        arrives_on=demand.planned_on + timedelta(days=int(timing.arrives[line])),
        runs_out_on=demand.planned_on + timedelta(days=runs_out) if runs_out >= 0 else None,
        days_of_cover=round(cover, 1) if np.isfinite(cover) else None,
        expected_shortage_units=round(float(timing.shortage[line]), 3),
        expected_shortage_value=round(float(timing.shortage[line] * proposal.unit_price[line]), 2),
        urgency_value=round(float(timing.exposed[line] * proposal.unit_price[line]), 2),
        inputs=known,
        steps=[asdict(step) for step in steps],
        reason=reason(known, steps, blocked, safe_until),
    )


def _status(quantity: float, steps: list[Step]) -> str:
    if quantity > 0:
        return "proposed"
    return "waits" if any(step.code == "waits_for_minimum_value" for step in steps) else "not_needed"


def _inputs_of(inputs: PlanningInputs, demand: ArticleDemand, proposal: Proposal, line: int) -> LineInputs:
    cost = float(inputs.numbers["cost"][line])
    group = proposal.groups[line]
    return LineInputs(
        sold_daily=float(demand.sold_daily[line]),
        expected_daily=float(proposal.rate[line]),
        days_to_order=int(proposal.first_order[line]),
        days_to_next_order=int(proposal.next_order[line]),
        lead_time_days=float(proposal.lead_time[line]),
        lead_time_sd_days=float(proposal.lead_time_sd[line]),
        lead_time_source=proposal.lead_time_source[line],
        protection_days=int(proposal.protection[line]),
        value_class=str(proposal.value_class[line]),
        service_level=float(proposal.service_level[line]),
        expected_demand=float(proposal.expected[line]),
        demand_quantile=float(proposal.quantile[line]),
        on_hand=float(proposal.on_hand[line]),
        on_order=float(proposal.on_order[line]),
        reserved=float(proposal.reserved[line]),
        minimum_quantity=float(proposal.minimum_quantity[line]),
        pack_size=float(proposal.pack[line]),
        unit_cost=cost if np.isfinite(cost) else None,
        currency=inputs.text("currency", line),
        minimum_order_value=group.minimum,
        order_value_before=group.value_before,
        supplier_minimum=group.decision,
        added_for_minimum=float(proposal.added[line]),
        ends=bool(proposal.ends[line]),
        model=demand.models[line],
    )
