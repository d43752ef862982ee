from datetime import date, timedelta

import pytest

from forecast_service.recommendations.domain.order_calendar import latest_order_day, order_days

MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("weekdays", "today", "expected"),
    [
        ((), 1, (0, 7)),
        ((1,), 1, (0, 7)),
        ((1,), 2, (6, 13)),
        ((2, 5), 1, (1, 4)),
        ((2, 5), 2, (0, 3)),
        ((2, 5), 6, (3, 6)),
        ((1, 2, 3, 4, 5, 6, 7), 4, (0, 1)),
    ],
)
def test_the_next_two_order_days(weekdays, today, expected) -> None:
    assert order_days(weekdays, today, 7) == expected


@pytest.mark.parametrize("weekdays", [(), (1,), (3,), (2, 5), (6, 7)])
@pytest.mark.parametrize("not_after", [-4, 0, 3, 8, 20])
def test_the_latest_order_day_is_an_order_day_and_not_too_late(weekdays, not_after) -> None:
    first, _ = order_days(weekdays, MONDAY.isoweekday(), 7)
    found = latest_order_day(weekdays, MONDAY, not_after, first)
    assert found >= first
    assert not weekdays or (MONDAY + timedelta(days=found)).isoweekday() in weekdays
    if not_after >= first:
        later = range(found + 1, not_after + 1)
        assert found <= not_after
        assert not [day for day in later if not weekdays or (MONDAY + timedelta(days=day)).isoweekday() in weekdays]
