"""The downloadable quarantine."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_service.imports.domain.quarantine_csv import csv_rows


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "|calc"])
def test_cells_that_look_like_formulas_are_defused(cell: str) -> None:
    assert next(csv.reader(io.StringIO(csv_rows([[cell]]).decode(), newline=""))) == [f"'{cell}"]


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), min_size=1), min_size=1
    )
)
def test_everything_else_comes_back_as_it_was(rows: list[list[str]]) -> None:
    back = list(csv.reader(io.StringIO(csv_rows(rows).decode(), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in back] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]


def test_numbers_and_nothing_stay_what_they_are() -> None:
    assert csv_rows([[-5, None, "a"]]) == b"-5,,a\r\n"
