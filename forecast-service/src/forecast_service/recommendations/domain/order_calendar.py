"""On which days a supplier takes orders. Days are counted from the day of the plan, which is day 0."""

from datetime import date
from functools import lru_cache

_WEEK = 7


@lru_cache(maxsize=1024)
def order_days(weekdays: tuple[int, ...], weekday: int, review_days: int) -> tuple[int, int]:
    """The next day an order can be placed, and the one after it.

    `weekdays` are ISO numbers (none: any day, then `review_days` apart); `weekday` is that of the day of the plan.
    """
    if not weekdays:
        return 0, review_days
    offsets = sorted((day - weekday) % _WEEK for day in weekdays)
    return offsets[0], offsets[1] if len(offsets) > 1 else offsets[0] + _WEEK


def latest_order_day(weekdays: tuple[int, ...], planned_on: date, not_after: int, first: int) -> int:
    """The last order day at or before day `not_after`; `first` when that has passed already."""
    if not_after <= first:
        return first
    if not weekdays:
        return not_after
    weekday = planned_on.isoweekday()
    back = min((weekday + not_after - day) % _WEEK for day in weekdays)
    return max(first, not_after - back)
