"""What the global model sees of a series at an origin; everything is relative to the series' own recent level."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast_service.forecasts.domain.panel import DemandPanel

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

YEAR = 364
_WINDOWS = (7, 14, 28, 56, 91, 182, 364)
_HALF_LIVES = (7.0, 21.0)
_LEVEL_FLOOR = 0.02
_PRICE_DAYS = 182


@dataclass(frozen=True)
class OriginFeatures:
    """Features of the series `rows` at one origin.

    `level` (rows,) is what targets are divided by; `fixed` (rows, features) is the same for the whole horizon;
    `weekly` (rows, 7, 3) is by days since the origin modulo 7; `last_year` (rows, horizon) is the week around the same
    day a year ago.
    """

    rows: Indices
    origin: int
    level: Floats
    fixed: Floats
    weekly: Floats
    last_year: Floats


def features_at(panel: DemandPanel, first_days: Indices, rows: Indices, origin: int, horizon: int) -> OriginFeatures:
    """`rows` have at least one known day before `origin`; columns from `origin` on are not looked at."""
    past = panel.demand[rows, max(0, origin - YEAR - 28) : origin]
    past = np.pad(past, ((0, 0), (max(0, YEAR + 28 - past.shape[1]), 0)), constant_values=np.nan)
    known = np.isfinite(past)
    sold = np.where(known, past, np.float32(0))
    age = (origin - first_days[rows]).astype(np.float32)
    means = [_recent_mean(sold, age, window) for window in _WINDOWS]
    level = np.maximum(0.6 * means[3] + 0.4 * means[6], _LEVEL_FLOOR).astype(np.float32)
    fixed = [np.log(level), *(mean / level for mean in means)]
    fixed += [_weighted_mean(sold, known, half_life) / level for half_life in _HALF_LIVES]
    fixed += _dispersion(sold, age, level, 28) + _dispersion(sold, age, level, 91)
    fixed += [_days_since_sale(sold), np.minimum(age, np.float32(4 * YEAR))]
    fixed += _year_ago(sold, age, level)
    fixed.append(_relative_price(panel.price[rows, max(0, origin - _PRICE_DAYS) : origin]))
    return OriginFeatures(
        rows=rows,
        origin=origin,
        level=level,
        fixed=np.stack(fixed, axis=1).astype(np.float32),
        weekly=_weekly(past) / level[:, None, None],
        last_year=_last_year(panel, first_days, rows, origin, horizon) / level[:, None],
    )


def matrix(panel: DemandPanel, features: OriginFeatures, ahead: Indices) -> Floats:
    """One row per series and day; `ahead` (rows, k) counts days from the origin, the first forecast day being 1."""
    series, count = ahead.shape
    line = np.arange(series)[:, None]
    target = features.origin - 1 + ahead
    first, last = int(target.min()), int(target.max())
    calendar = _calendar(panel, first, last - first + 1)[target - first]
    daily = np.concatenate(
        [
            features.weekly[line, (ahead - 1) % 7],
            features.last_year[line, ahead - 1][:, :, None],
            ahead[:, :, None].astype(np.float32),
            calendar,
        ],
        axis=2,
    )
    fixed = np.broadcast_to(features.fixed[:, None, :], (series, count, features.fixed.shape[1]))
    return np.concatenate([fixed, daily], axis=2).reshape(series * count, -1)


def _recent_mean(sold: Floats, age: Floats, window: int) -> Floats:
    mean: Floats = (sold[:, -window:].sum(axis=1) / np.minimum(age, window)).astype(np.float32)
    return mean


def _weighted_mean(sold: Floats, known: NDArray[np.bool_], half_life: float) -> Floats:
    days = sold.shape[1]
    weights = (2.0 ** (-np.arange(days - 1, -1, -1) / half_life)).astype(np.float32)
    mean: Floats = ((sold @ weights) / (known @ weights)).astype(np.float32)
    return mean


def _dispersion(sold: Floats, age: Floats, level: Floats, window: int) -> list[Floats]:
    """Share of days with sales, and standard deviation."""
    days = np.minimum(age, window)
    recent = sold[:, -window:]
    mean = recent.sum(axis=1) / days
    square = (recent**2).sum(axis=1) / days
    return [(recent > 0).sum(axis=1) / days, np.sqrt(np.maximum(square - mean**2, 0)) / level]


def _days_since_sale(sold: Floats) -> Floats:
    sale = sold[:, ::-1] > 0
    since = np.where(sale.any(axis=1), sale.argmax(axis=1), sold.shape[1])
    days: Floats = since.astype(np.float32)
    return days


def _year_ago(sold: Floats, age: Floats, level: Floats) -> list[Floats]:
    """The 28 days that lie ahead, a year ago, and how they had grown against the 28 days before them."""
    then = sold[:, 28:56].mean(axis=1)
    before = sold[:, :28].mean(axis=1)
    old_enough = age >= YEAR + 28
    growth = np.log((then + 0.05) / (before + 0.05))
    return [np.where(old_enough, then / level, np.nan), np.where(old_enough, growth, np.nan)]


def _relative_price(prices: Floats) -> Floats:
    known = np.isfinite(prices)
    mean = np.where(known, prices, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative: Floats = np.where(mean > 0, prices[:, -1] / mean, np.nan).astype(np.float32)
    return relative


def _weekly(past: Floats) -> Floats:
    """(rows, 7, 3): the last same weekday, and the means of the last 4 and 13."""
    weeks = past[:, -91:].reshape(len(past), 13, 7)
    known = np.isfinite(weeks)
    sold = np.where(known, weeks, np.float32(0))
    with np.errstate(invalid="ignore"):
        of_four = sold[:, -4:].sum(axis=1) / known[:, -4:].sum(axis=1)
        of_all = sold.sum(axis=1) / known.sum(axis=1)
    return np.stack([weeks[:, -1], of_four, of_all], axis=2).astype(np.float32)


def _last_year(panel: DemandPanel, first_days: Indices, rows: Indices, origin: int, horizon: int) -> Floats:
    """Mean of the seven days around the same weekday 52 weeks earlier; NaN where the series was not there yet."""
    start = origin - YEAR - 3
    result = np.full((len(rows), horizon), np.nan, dtype=np.float32)
    skip = max(0, -start)
    if skip >= horizon:
        return result
    window = np.nan_to_num(panel.demand[rows, start + skip : start + horizon + 6].astype(np.float64))
    total = np.concatenate([np.zeros((len(rows), 1)), window.cumsum(axis=1)], axis=1)
    result[:, skip:] = (total[:, 7:] - total[:, :-7]) / 7
    result[(start + np.arange(horizon))[None, :] < first_days[rows][:, None]] = np.nan
    return result


def _calendar(panel: DemandPanel, first: int, count: int) -> Floats:
    """(days, 4): weekday, day of the month, day of the year, month."""
    days = np.datetime64(panel.start, "D") + np.arange(first, first + count)
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    columns = [
        panel.weekdays(first, count),
        (days - months.astype("datetime64[D]")).astype(int) + 1,
        (days - years.astype("datetime64[D]")).astype(int) + 1,
        (months - years.astype("datetime64[M]")).astype(int) + 1,
    ]
    return np.stack(columns, axis=1).astype(np.float32)
