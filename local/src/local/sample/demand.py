"""What customers of the sample company want each day, whether it is on the shelf or not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local.sample.catalogue import Articles

_YEAR = 365.25
_WEEKLY = np.array(
    [
        [1.0, 0.95, 0.95, 1.0, 1.2, 1.35, 0.75],
        [0.9, 0.9, 0.95, 1.0, 1.25, 1.4, 0.9],
        [1.0, 1.0, 1.0, 1.0, 1.15, 1.25, 0.7],
        [1.1, 1.05, 1.0, 1.0, 1.0, 1.1, 0.75],
        [0.8, 0.85, 0.9, 1.0, 1.35, 1.5, 0.95],
        [0.6, 0.6, 0.7, 0.9, 1.3, 1.7, 1.2],
    ]
)
_YEARLY_PEAK = np.array([350, 355, 300, 90, 190, 135])  # day of the year, per category
_YEARLY_SIZE = np.array([0.15, 0.45, 0.1, 0.05, 0.5, 0.8])
_PROMOTION_DAYS = 10


@dataclass(frozen=True)
class Demand:
    """Arrays of shape (days, articles); `on_sale` is False before an article's first day."""

    wanted: NDArray[np.int64]
    price: NDArray[np.float64]
    on_sale: NDArray[np.bool_]
    level: NDArray[np.float64]


def make_demand(random: np.random.Generator, articles: Articles, first_ordinal: int, days: int) -> Demand:
    count = articles.count
    ordinals = first_ordinal + np.arange(days)
    level = np.exp(random.normal(1.3, 1.1, count))
    intermittent = random.random(count) < 0.2
    level[intermittent] = random.uniform(0.03, 0.4, int(intermittent.sum()))
    growth = random.normal(0.06, 0.18, count)
    trend = np.maximum(0.2, 1 + growth * (np.arange(days)[:, None] / _YEAR))
    weekly = _WEEKLY[articles.category][:, (ordinals - 1) % 7].T
    angle = 2 * np.pi * (ordinals[:, None] % _YEAR - _YEARLY_PEAK[articles.category]) / _YEAR
    yearly = 1 + _YEARLY_SIZE[articles.category] * np.cos(angle)
    lift, price = _promotions(random, articles, days)
    mean = level * trend * weekly * yearly * lift
    first_day = np.where(random.random(count) < 0.1, random.integers(days // 3, days - 60, count), 0)
    on_sale = np.arange(days)[:, None] >= first_day
    # Gamma-Poisson: busy and quiet days beyond chance; intermittent articles come rarely and then several at once.
    spread = np.where(intermittent, 0.8, 6.0)
    wanted = random.poisson(mean * random.gamma(spread, 1 / spread, mean.shape))
    batch = np.where(intermittent, random.integers(1, 4, count), 1)
    return Demand(np.where(on_sale, wanted * batch, 0), price, on_sale, level)


def _promotions(
    random: np.random.Generator, articles: Articles, days: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lift of demand and the price paid; about every third article is promoted a few times a year."""
    lift = np.ones((days, articles.count))
    price = np.tile(articles.price, (days, 1))
    price[days // 2 :] = np.round(price[days // 2 :] * 1.04, 2)
    for article in np.flatnonzero(random.random(articles.count) < 0.35):
        for start in random.choice(days, size=max(1, days // 120), replace=False):
            cut = float(random.uniform(0.1, 0.3))
            window = slice(int(start), int(start) + _PROMOTION_DAYS)
            lift[window, article] = 1 + cut * float(random.uniform(3, 7))
            price[window, article] = np.round(articles.price[article] * (1 - cut), 2)
    return lift, price
