from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from forecast_service.forecasts.domain.panel import (
    COLUMNS,
    DemandFormatError,
    NoDemandRowsError,
    build_panel,
)

SCHEMA = pa.schema(
    [
        ("sku", pa.string()),
        ("warehouse", pa.string()),
        ("date", pa.date32()),
        ("quantity", pa.float64()),
        ("price", pa.float64()),
        ("availability", pa.float64()),
    ]
)


def batch(*rows: tuple[object, ...]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in COLUMNS]
    return pa.record_batch([pa.array(list(c), f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def day(number: int) -> date:
    return date(2024, 3, number)


def test_days_without_a_row_are_zero_and_days_before_the_first_sale_unknown() -> None:
    panel = build_panel(
        [
            batch(("B", "W", day(1), 5, None, None), ("A", "W", day(2), 1, None, None)),
            batch(("A", "W", day(4), 3, None, None)),
        ]
    )
    assert (panel.skus, panel.start, panel.end) == (("A", "B"), day(1), day(4))
    np.testing.assert_array_equal(panel.demand, [[np.nan, 1, 0, 3], [5, 0, 0, 0]])


def test_rows_of_one_day_are_added_and_a_negative_net_is_clipped_and_counted() -> None:
    panel = build_panel(
        [batch(("A", "W", day(1), 5, 2.0, None), ("A", "W", day(1), -7, 2.0, None), ("A", "W", day(2), 4, 3.0, None))]
    )
    np.testing.assert_array_equal(panel.demand, [[0, 4]])
    assert panel.clipped_days == 1


def test_the_same_article_in_two_warehouses_is_two_series_ordered_by_both_codes() -> None:
    panel = build_panel(
        [
            batch(
                ("A", "Z", day(1), 1, None, None), ("A", "B", day(1), 2, None, None), ("0A", "Z", day(1), 3, None, None)
            )
        ]
    )
    assert list(zip(panel.skus, panel.warehouses, strict=True)) == [("0A", "Z"), ("A", "B"), ("A", "Z")]
    np.testing.assert_array_equal(panel.demand[:, 0], [3, 2, 1])


def test_prices_are_carried_forward_but_never_backward() -> None:
    rows = (("A", "W", day(1), 1, None, None), ("A", "W", day(2), 1, 9.5, None), ("A", "W", day(4), 1, None, None))
    np.testing.assert_array_equal(build_panel([batch(*rows)]).price, np.float32([[np.nan, 9.5, 9.5, 9.5]]))


def test_a_day_partly_out_of_stock_is_censored_and_unknown_availability_is_not() -> None:
    rows = (("A", "W", day(1), 1, None, 0.4), ("A", "W", day(2), 1, None, None), ("A", "W", day(3), 1, None, 1.0))
    np.testing.assert_array_equal(build_panel([batch(*rows)]).censored, [[True, False, False]])


def test_weekdays_are_right_beyond_the_panel() -> None:
    panel = build_panel([batch(("A", "W", date(2024, 2, 28), 1, None, None))])
    expected = [date(2024, 2, 28 + offset).weekday() for offset in (0, 1)]
    assert panel.weekdays(0, 2).tolist() == expected


def test_nothing_to_forecast_from_is_said() -> None:
    with pytest.raises(NoDemandRowsError, match="import sales"):
        build_panel([batch()])


@pytest.mark.parametrize("missing", COLUMNS)
def test_a_missing_column_is_named(missing: str) -> None:
    whole = batch(("A", "W", day(1), 1, 1.0, 1.0))
    with pytest.raises(DemandFormatError, match=missing):
        build_panel([whole.drop_columns([missing])])


@pytest.mark.parametrize("quantity", [float("nan"), float("inf"), None])
def test_a_quantity_that_is_no_number_is_refused(quantity: float | None) -> None:
    with pytest.raises(DemandFormatError, match="quantity"):
        build_panel([batch(("A", "W", day(1), quantity, None, None))])
