"""When stock runs out, when an order has to leave, and what is lost until it arrives."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.distribution import DemandDistribution, knots_of
from forecast_service.recommendations.domain.inputs import PlanningInputs
from forecast_service.recommendations.domain.order_calendar import latest_order_day
from forecast_service.recommendations.domain.proposal import Proposal

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

_FAR_DAYS = 365
_NEVER = 100_000


@dataclass(frozen=True)
class Timing:
    """Arrays (lines,), days counted from the day of the plan. `arrives` is when an order placed on the next order day
    comes in; `runs_out` is -1 when that is over a year away; `shortage` units are lost before `arrives` whatever is
    ordered, `exposed` units are lost over the protection interval if nothing is ordered.
    """

    arrives: Days
    order_by: Days
    runs_out: Days
    cover: Floats
    shortage: Floats
    exposed: Floats


def time_lines(inputs: PlanningInputs, demand: DemandDistribution, proposal: Proposal, planned_on: date) -> Timing:
    lead_days = np.floor(proposal.lead_time + 0.5).astype(np.int64)
    arrives = proposal.first_order + lead_days
    supply = Supply(
        stock=np.maximum(proposal.on_hand - proposal.reserved, 0),
        incoming=proposal.on_order,
        arrives=_incoming_days(inputs, proposal, planned_on),
    )
    latest = np.floor(safe_days(demand, proposal.position, proposal.service_level)).astype(np.int64) - lead_days
    order_by = [
        latest_order_day(weekdays, planned_on, not_after, first)
        for weekdays, not_after, first in zip(
            inputs.weekdays, latest.tolist(), proposal.first_order.tolist(), strict=True
        )
    ]
    return Timing(
        arrives=arrives,
        order_by=np.array(order_by, dtype=np.int64),
        runs_out=run_out_days(demand, supply),
        cover=cover_days(demand, supply.stock),
        shortage=demand.shortage(arrives, supply.by(arrives)),
        exposed=demand.shortage(proposal.protection, np.maximum(proposal.position, 0)),
    )


def _incoming_days(inputs: PlanningInputs, proposal: Proposal, planned_on: date) -> Days:
    """When open orders come in: on the expected day, an overdue one after the usual delay (a day at least), one without
    a day after a whole lead time.
    """
    days = np.full(inputs.size, _NEVER, dtype=np.int64)
    for line, expected in enumerate(inputs.days["oldest_open_expected_on"]):
        if proposal.on_order[line] <= 0:
            continue
        if expected is None:
            days[line] = round(float(proposal.lead_time[line]))
        elif expected >= planned_on:
            days[line] = (expected - planned_on).days
        else:
            days[line] = max(1, int(np.ceil(proposal.lead_time_sd[line])))
    return days


@dataclass(frozen=True)
class Supply:
    """`stock` are units free to sell today (at least 0), `incoming` open orders arriving on day `arrives` (0 = today).

    `arrives` is past the horizon of interest where nothing is open.
    """

    stock: Floats
    incoming: Floats
    arrives: Days

    def by(self, days: Days) -> Floats:
        """Units that can have been sold from by the end of day `days` (counted in days passed)."""
        return self.stock + np.where(self.arrives < days, self.incoming, 0)


def run_out_days(demand: DemandDistribution, supply: Supply) -> Days:
    """The first day (0 = day of the plan) whose expected demand is not covered; -1 when that is over a year away."""
    cumulative = demand.mean.cumsum(axis=1)
    days = np.arange(demand.horizon)[None, :]
    available = supply.stock[:, None] + np.where(supply.arrives[:, None] <= days, supply.incoming[:, None], 0)
    short = cumulative > available + 1e-6
    within = np.where(short.any(axis=1), short.argmax(axis=1), -1)
    rate = demand.mean[:, -28:].mean(axis=1)
    left = supply.stock + supply.incoming - cumulative[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.where(rate > 0, demand.horizon + left / rate, np.inf)
    later = np.where(beyond < _FAR_DAYS, np.minimum(beyond, _FAR_DAYS), -1).astype(np.int64)
    return np.where(within >= 0, within, np.maximum(later, -1))


def cover_days(demand: DemandDistribution, stock: Floats) -> Floats:
    """Days the stock lasts at the expected demand; NaN without demand, at most a year."""
    cumulative = np.concatenate([np.zeros((len(stock), 1)), demand.mean.cumsum(axis=1)], axis=1)
    rate = demand.mean[:, -28:].mean(axis=1)
    whole = (cumulative[:, 1:] <= stock[:, None] + 1e-9).sum(axis=1)
    line = np.arange(len(stock))
    inside = whole < demand.horizon
    day = np.minimum(whole, demand.horizon - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (stock - cumulative[line, day]) / demand.mean[line, day]
        after = demand.horizon + (stock - cumulative[:, -1]) / rate
    cover = np.where(inside, whole + part, np.minimum(after, _FAR_DAYS))
    result: Floats = np.where((demand.mean.sum(axis=1) > 0) & np.isfinite(cover), cover, np.nan)
    return result


def safe_days(demand: DemandDistribution, position: Floats, levels: Floats) -> Floats:
    """Days for which `position` suffices at the service level: where the quantile of the sum passes it."""
    knots = [0, *knots_of(demand.horizon), 2 * demand.horizon, 4 * demand.horizon, 13 * demand.horizon]
    reached = np.full(len(position), float(knots[-1]))
    open_lines = np.ones(len(position), dtype=np.bool_)
    before = np.zeros(len(position))
    for left, right in pairwise(knots):
        after = demand.quantile(np.full(len(position), right), levels)
        crossed = open_lines & (after > position)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip((position - before) / (after - before), 0, 1)
        reached = np.where(crossed, left + np.nan_to_num(share) * (right - left), reached)
        open_lines &= ~crossed
        before = after
        if not open_lines.any():
            break
    return reached
