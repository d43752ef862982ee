"""The quantities of a whole plan at once, as arrays in the order of the planning inputs."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.distribution import DemandDistribution
from forecast_service.recommendations.domain.inputs import PlanningInputs
from forecast_service.recommendations.domain.order_calendar import order_days
from forecast_service.recommendations.domain.policy import PlanPolicy, value_classes
from forecast_service.recommendations.domain.quantity import (
    in_packs,
    needed,
    order_up_to,
    service_score,
    with_minimum,
)
from forecast_service.recommendations.domain.supplier_minimum import GroupLines, apply_minimum
from forecast_service.recommendations.domain.trust import blocked_lines

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

_ENDED = "end_of_life"
_NO_MINIMUM = "none"


@dataclass(frozen=True)
class GroupDecision:
    """What a supplier's minimum order value did to the lines of one purchase order."""

    minimum: float = 0.0
    value_before: float = 0.0
    decision: str = _NO_MINIMUM


@dataclass(frozen=True)
class Proposal:
    """Arrays (lines,). `rate` is expected units a day over the protection interval of `protection` days; `added` are
    units for the supplier's minimum, part of `quantity`; `unit_price` values a lost sale (the cost, where no price is
    known).
    """

    first_order: Days
    next_order: Days
    lead_time: Floats
    lead_time_sd: Floats
    lead_time_source: list[str]
    protection: Days
    value_class: NDArray[np.str_]
    service_level: Floats
    rate: Floats
    expected: Floats
    quantile: Floats
    on_hand: Floats
    on_order: Floats
    reserved: Floats
    minimum_quantity: Floats
    pack: Floats
    unit_price: Floats
    ends: NDArray[np.bool_]
    blocked: list[str | None]
    added: Floats
    quantity: Floats
    groups: list[GroupDecision]

    @property
    def position(self) -> Floats:
        return self.on_hand + self.on_order - self.reserved


def longest_protection(inputs: PlanningInputs, policy: PlanPolicy) -> int:
    """Days the forecast has to reach for every line, whatever day of the week it is; 0 without lines."""
    if inputs.size == 0:
        return 0
    lead_time, _, _ = inputs.lead_times(policy.assumed_lead_time_days)
    waits = [14 if days else policy.review_days for days in inputs.weekdays]
    return int(np.ceil(lead_time + np.array(waits)).max())


def propose(inputs: PlanningInputs, demand: DemandDistribution, known_until: date, policy: PlanPolicy) -> Proposal:
    weekday = (known_until + timedelta(days=1)).isoweekday()
    calendar = np.array(
        [order_days(days, weekday, policy.review_days) for days in inputs.weekdays], dtype=np.int64
    ).reshape(-1, 2)
    lead_time, lead_time_sd, source = inputs.lead_times(policy.assumed_lead_time_days)
    protection = np.maximum(calendar[:, 1] + np.floor(lead_time + 0.5).astype(np.int64), 1)
    unit_price = _unit_prices(inputs)
    classes = value_classes(demand.mean.mean(axis=1) * unit_price)
    levels = policy.service_levels(classes)
    expected, quantile = demand.expected(protection), demand.quantile(protection, levels)
    rate = expected / protection
    scores = np.array([service_score(level) for level in levels.tolist()])
    target = order_up_to(expected, quantile, rate, lead_time_sd, scores)
    on_hand = np.maximum(inputs.number("on_hand", 0.0), 0)
    on_order, reserved = inputs.number("on_order", 0.0), inputs.number("reserved", 0.0)
    position = on_hand + on_order - reserved
    ends = np.array([state == _ENDED for state in inputs.texts["life_cycle"]], dtype=np.bool_)
    minimum, pack = np.maximum(inputs.number("moq", 0.0), 0), inputs.pack_sizes()
    need = np.where(ends, 0, needed(target, position))
    quantity = in_packs(with_minimum(need, minimum), pack)
    blocked = blocked_lines(inputs, known_until, policy)
    lines = GroupLines(
        quantity=quantity,
        position=position,
        rate=rate,
        pack=pack,
        minimum_quantity=minimum,
        cost=inputs.number("cost", 0.0),
        due=expected > position,
        open=~ends,
    )
    final, added, groups = _with_supplier_minimums(inputs, lines, blocked, policy)
    for line, group in enumerate(groups):
        if group.decision == "unreachable" and final[line] > 0:
            blocked[line] = "supplier_minimum_unreachable"
    return Proposal(
        first_order=calendar[:, 0],
        next_order=calendar[:, 1],
        lead_time=lead_time,
        lead_time_sd=lead_time_sd,
        lead_time_source=source,
        protection=protection,
        value_class=classes,
        service_level=levels,
        rate=rate,
        expected=expected,
        quantile=quantile,
        on_hand=on_hand,
        on_order=on_order,
        reserved=reserved,
        minimum_quantity=minimum,
        pack=pack,
        unit_price=unit_price,
        ends=ends,
        blocked=blocked,
        added=added,
        quantity=final,
        groups=groups,
    )


def _unit_prices(inputs: PlanningInputs) -> Floats:
    price, cost = inputs.numbers["price"], inputs.number("cost", 0.0)
    return np.where(np.isfinite(price) & (price > 0), price, cost)


def _with_supplier_minimums(
    inputs: PlanningInputs, lines: GroupLines, blocked: list[str | None], policy: PlanPolicy
) -> tuple[Floats, Floats, list[GroupDecision]]:
    """Quantities, units added, and what was decided, per line; blocked lines belong to no order."""
    members: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    minimums = inputs.number("min_order_value", 0.0)
    for line in range(inputs.size):
        if blocked[line] is None and minimums[line] > 0:
            key = (inputs.text("supplier", line), inputs.text("warehouse", line), inputs.text("currency", line))
            members[key].append(line)
    quantity, added = lines.quantity.copy(), np.zeros(inputs.size)
    groups = [GroupDecision()] * inputs.size
    for rows in members.values():
        minimum = float(minimums[rows].max())
        outcome = apply_minimum(lines.only(rows), minimum, policy.longest_cover_days)
        added[rows] = outcome.added
        quantity[rows] = 0 if outcome.decision == "waits" else lines.quantity[rows] + outcome.added
        decision = GroupDecision(minimum, lines.only(rows).value(lines.quantity[rows]), outcome.decision)
        for row in rows:
            groups[row] = decision
    return quantity, added, groups
