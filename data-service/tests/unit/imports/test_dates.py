"""Dates in many notations."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_service.imports.domain.dates import DateOrderEvidence, parse_dates

DAYS = st.dates(date(1971, 1, 1), date(2098, 12, 31))


def parse(value: str, *, is_month_first: bool = False) -> date | None:
    return parse_dates(pa.array([value]), is_month_first=is_month_first)[0].astype(object)


@pytest.mark.parametrize(
    "value",
    [
        "2013-07-20", "2013/07/20", "2013.07.20", "2013-7-20", "20.07.2013", "20.7.13", "20/07/2013", "20-07-2013",
        "20130720", "41475", "41475.75", "2013-07-20 08:26:00", "2013-07-20T08:26:00Z", "20.07.2013 8:26",
        "20 июля 2013", "20 Июл 2013 г.", "20-Jul-2013", "20 July 2013", "July 20, 2013", "2013-Jul-20", "Sat, 20 Jul 2013",
    ],
)  # fmt: skip
def test_common_notations_are_read(value: str) -> None:
    assert parse(value) == date(2013, 7, 20)


@pytest.mark.parametrize(
    "value",
    ["2013-02-30", "31.04.2013", "2013-13-01", "00.01.2013", "29.02.2013", "1899-12-31", "2150-01-01", "soon", "1", "12",
     "2013", "20.07", "32 июля 2013", "20 Foo 2013", "１２.07.2013", "-2013-01-01", "9999999", "41475x"],
)  # fmt: skip
def test_what_is_no_day_is_not_made_into_one(value: str) -> None:
    assert parse(value) is None


def test_a_leap_day_is_a_day() -> None:
    assert parse("29.02.2012") == date(2012, 2, 29)


def test_slashes_follow_the_order_of_the_file_and_points_never_do() -> None:
    assert parse("03/04/2024") == date(2024, 4, 3)
    assert parse("03/04/2024", is_month_first=True) == date(2024, 3, 4)
    assert parse("03.04.2024", is_month_first=True) == date(2024, 4, 3)
    assert parse("2024/03/04", is_month_first=True) == date(2024, 3, 4)


@pytest.mark.parametrize(
    ("values", "is_open", "is_month_first"),
    [
        (["01/02/2024", "13/02/2024"], False, False),
        (["01/02/2024", "02/13/2024"], False, True),
        (["01/02/2024", "03/04/2024"], True, False),
        (["01.02.2024", "2024-01-02"], False, False),
        ([], False, False),
    ],
)
def test_evidence_decides_the_order_of_day_and_month(values: list[str], is_open: bool, is_month_first: bool) -> None:
    evidence = DateOrderEvidence()
    evidence.add(pa.array(values, pa.string()))
    assert (evidence.is_open, evidence.is_month_first) == (is_open, is_month_first)


@given(st.lists(DAYS, min_size=1), st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d %b %Y", "%d/%m/%Y %H:%M"]))
def test_every_day_survives_writing_and_reading(days: list[date], notation: str) -> None:
    parsed = parse_dates(pa.array([day.strftime(notation) for day in days]), is_month_first=False)
    assert parsed.tolist() == days


@given(DAYS)
def test_excel_day_numbers_count_from_their_epoch(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    assert parse(str(serial)) == date(1899, 12, 30) + timedelta(days=serial)


@given(st.lists(st.text(max_size=12)))
def test_no_text_at_all_makes_parsing_fail(values: list[str]) -> None:
    parsed = parse_dates(pa.array(values, pa.string()), is_month_first=False)
    assert parsed.dtype == np.dtype("datetime64[D]")
    assert len(parsed) == len(values)
