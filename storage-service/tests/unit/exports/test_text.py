"""Texts that spreadsheet programs must not take for formulas, and texts no cell can hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_service.exports.domain.text import clean_text, guard_formula, shortened


@pytest.mark.parametrize(
    "dangerous",
    [
        '=HYPERLINK("http://x","y")',
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        "  =1+1",
    ],
)
def test_a_text_that_would_be_evaluated_gets_an_apostrophe(dangerous: str) -> None:
    assert guard_formula(dangerous) == "'" + dangerous


@pytest.mark.parametrize("harmless", ["", " ", "Screw M8", "a=b", "1-2", "'quoted", "Ж"])
def test_a_harmless_text_stays_as_it_is(harmless: str) -> None:
    assert guard_formula(harmless) == harmless


@given(st.text())
def test_no_guarded_text_begins_like_a_formula(value: str) -> None:
    assert (
        not guard_formula(value).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    )


def test_what_cannot_stand_in_a_cell_is_replaced() -> None:
    assert clean_text("a\x00b\x1bc\ud800d\ufffee") == "a\ufffdb\ufffdc\ufffdd\ufffde"
    assert clean_text("line\nbreak\tand Ж") == "line\nbreak\tand Ж"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.integers(min_value=2, max_value=40))
def test_a_cut_text_fits_and_shows_the_cut(value: str, limit: int) -> None:
    cut = shortened(value, limit)
    assert len(cut.encode("utf-16-le")) // 2 <= limit
    assert cut == value or (cut.endswith("…") and value.startswith(cut[:-1]))
