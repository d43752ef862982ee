"""A whole plan: from forecast, stock and terms to order lines with their reasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.distribution import DemandDistribution
from forecast_service.recommendations.domain.explanation import LineInputs, explain
from forecast_service.recommendations.domain.inputs import PlanningInputs
from forecast_service.recommendations.domain.order_calendar import latest_order_day, order_days
from forecast_service.recommendations.domain.policy import PlanPolicy, value_classes
from forecast_service.recommendations.domain.quantity import (
    in_packs,
    is_same,
    needed,
    order_up_to,
    service_score,
    with_minimum,
)
from forecast_service.recommendations.domain.supplier_minimum import GroupLines, MinimumOutcome, apply_minimum
from forecast_service.recommendations.domain.texts import Texts, reason
from forecast_service.recommendations.domain.timing import Supply, cover_days, run_out_days, safe_days
from forecast_service.recommendations.domain.trust import blocked_lines

Floats = NDArray[np.float64]

_ENDED = frozenset({"end_of_life", "discontinued", "archived", "inactive"})
_NOTHING_OPEN = 10_000


class ReplayError(AssertionError):
    """A line's explanation leads to another quantity than the line proposes: the plan must not be published."""


@dataclass(frozen=True)
class ArticleDemand:
    """The forecast in the order of the planning inputs; day 0 of `distribution` is the day of the plan.

    `sold_daily` (lines,) are units sold a day lately; `models` names the leading model of each line.
    """

    distribution: DemandDistribution
    sold_daily: Floats
    models: list[str]
    known_until: date


@dataclass(frozen=True)
class PlanLine:
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


def make_plan(
    inputs: PlanningInputs, demand: ArticleDemand, policy: PlanPolicy, planned_on: date
) -> Iterator[PlanLine]:
    """One line per article and warehouse, also where nothing has to be ordered.

    Status is proposed, waits (for the supplier's minimum) or not_needed; a blocked line keeps its proposal but must
    not be ordered before somebody has looked.
    """
    return _Planner(inputs, demand, policy, planned_on).lines()
