"""Lines whose numbers cannot be trusted enough to order from without somebody looking."""

from datetime import date

import numpy as np

from forecast_service.recommendations.domain.inputs import PlanningInputs
from forecast_service.recommendations.domain.policy import PlanPolicy

BLOCKED_CODES = frozenset(
    {
        "supplier_unknown",
        "stock_unknown",
        "stock_negative",
        "stock_stale",
        "sales_stale",
        "supplier_minimum_unreachable",
    }
)


def blocked_lines(inputs: PlanningInputs, known_until: date, policy: PlanPolicy) -> list[str | None]:
    """The code of the first thing wrong with each line; `known_until` is the last day of sales that is known."""
    on_hand = inputs.numbers["on_hand"]
    return [
        _blocked(
            float(on_hand[line]), inputs.days["stock_as_of"][line], inputs.text("supplier", line), known_until, policy
        )
        for line in range(inputs.size)
    ]


def _blocked(on_hand: float, as_of: date | None, supplier: str, known_until: date, policy: PlanPolicy) -> str | None:
    if not supplier:
        return "supplier_unknown"
    if as_of is None or not np.isfinite(on_hand):
        return "stock_unknown"
    if on_hand < 0:
        return "stock_negative"
    if (known_until - as_of).days > policy.stale_stock_days:
        return "stock_stale"
    if (as_of - known_until).days > policy.stale_stock_days:
        return "sales_stale"
    return None
