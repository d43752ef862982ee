"""The sample company's past: what it ordered, when that came, and what it could sell."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local.sample.catalogue import SUPPLIERS, Articles
from local.sample.demand import Demand

_COVER_DAYS = 21.0
_SAFETY_DAYS = 4.0
_NEGLECTED_SHARE = 0.12  # articles whose buyer reacts late: they run out


@dataclass(frozen=True)
class OrderLine:
    """Days are offsets into the period; `received_day` is beyond its end while the order is open."""

    article: int
    quantity: int
    ordered_day: int
    expected_day: int
    received_day: int


@dataclass(frozen=True)
class History:
    """`sold`: shape (days, articles). `on_hand`: units at the end. `days_out`: days with unmet demand."""

    sold: NDArray[np.int64]
    on_hand: NDArray[np.int64]
    orders: list[OrderLine]
    days_out: int


def play(random: np.random.Generator, articles: Articles, demand: Demand, first_ordinal: int) -> History:
    """Order up to a level whenever the supplier takes orders; late suppliers and neglect cause stock-outs."""
    days, count = demand.wanted.shape
    daily = np.maximum(0.05, demand.wanted.sum(axis=0) / np.maximum(1, demand.on_sale.sum(axis=0)))
    lead = np.array([SUPPLIERS[index].lead_time_days for index in articles.supplier])
    neglect = np.where(random.random(count) < _NEGLECTED_SHARE, 0.35, 1.0)
    reorder_at = daily * (lead + _SAFETY_DAYS) * neglect
    order_up_to = reorder_at + daily * _COVER_DAYS
    stock = np.ceil(order_up_to).astype(np.int64)
    arriving = np.zeros((days + 120, count), dtype=np.int64)
    on_order = np.zeros(count, dtype=np.int64)
    sold = np.zeros_like(demand.wanted)
    orders: list[OrderLine] = []
    days_out = 0
    for day in range(days):
        stock += arriving[day]
        on_order -= arriving[day]
        sold[day] = np.minimum(stock, demand.wanted[day])
        days_out += int((sold[day] < demand.wanted[day]).sum())
        stock -= sold[day]
        due = demand.on_sale[day] & (stock + on_order <= reorder_at)
        due &= _takes_orders(articles.supplier, (first_ordinal + day - 1) % 7)
        for line in _place(random, articles, np.flatnonzero(due), order_up_to - stock - on_order, day):
            arriving[line.received_day, line.article] += line.quantity
            on_order[line.article] += line.quantity
            orders.append(line)
    return History(sold, stock, orders, days_out)


def _takes_orders(supplier: NDArray[np.int64], weekday: int) -> NDArray[np.bool_]:
    return np.array([weekday in each.order_weekdays for each in SUPPLIERS])[supplier]


def _place(
    random: np.random.Generator, articles: Articles, due: NDArray[np.int64], missing: NDArray[np.float64], day: int
) -> Iterator[OrderLine]:
    for article in map(int, due):
        supplier = SUPPLIERS[int(articles.supplier[article])]
        pack = int(articles.pack_size[article])
        packs = int(np.ceil(max(float(missing[article]), float(articles.moq[article])) / pack))
        expected = day + supplier.lead_time_days
        late = int(random.poisson(supplier.delay_days)) - int(random.random() < 0.1)
        yield OrderLine(article, packs * pack, day, expected, max(day + 1, expected + late))
