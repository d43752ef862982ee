"""Numbers in many notations."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_service.imports.domain.numbers import NumberStyleEvidence, parse_numbers


def parse(value: str, *, is_decimal_comma: bool = False) -> float | None:
    number = float(parse_numbers(pa.array([value]), is_decimal_comma=is_decimal_comma)[0][0])
    return None if math.isnan(number) else number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1", 1), ("1.5", 1.5), ("1,5", 1.5), ("-3", -3), ("+3", 3), (".5", 0.5), (",5", 0.5), ("5.", 5), ("1e3", 1000),
        ("1 234,50", 1234.5), ("1\u00a0234.5", 1234.5), ("1\u202f234", 1234), ("1'234.5", 1234.5), ("1,234.56", 1234.56),
        ("1.234,56", 1234.56), ("1,234,567", 1234567), ("1.234.567", 1234567), ("€12", 12), ("12 руб.", 12), ("12,5 ₽", 12.5),
        ("$1,234.50", 1234.5), ("12 RUB", 12), ("(5)", -5), ("5-", -5), ("−4", -4), ("0,125", 0.125), ("0.125", 0.125),
        ("00123", 123),
    ],
)  # fmt: skip
def test_common_notations_are_read(value: str, number: float) -> None:
    assert parse(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "nan",
        "inf",
        "-inf",
        "1.2.3",
        "1,2,3",
        "..",
        "-",
        "--5",
        "12шт",
        "1e999",
        "1e13",
        "0x10",
        "١٢",
        "5%",
        "1,23,456",
    ],
)
def test_what_is_no_number_is_not_made_into_one(value: str) -> None:
    assert parse(value) is None


def test_one_group_of_three_is_read_as_the_file_writes_decimals() -> None:
    assert parse("1,234") == 1234
    assert parse("1,234", is_decimal_comma=True) == 1.234
    assert parse("1.234") == 1.234
    assert parse("1.234", is_decimal_comma=True) == 1234


@pytest.mark.parametrize(
    ("values", "is_comma"),
    [
        (["1,5", "1,234"], True),
        (["1.5", "1,234"], False),
        (["1.234.567"], True),
        (["0,125"], True),
        (["1,234,567"], False),
    ],
)
@pytest.mark.parametrize("by_default", [True, False])
def test_evidence_decides_the_decimal_separator(values: list[str], is_comma: bool, by_default: bool) -> None:
    evidence = NumberStyleEvidence()
    evidence.add(pa.array(values))
    assert evidence.is_comma(by_default=by_default) is is_comma


@pytest.mark.parametrize("by_default", [True, False])
def test_without_evidence_the_default_decides(by_default: bool) -> None:
    evidence = NumberStyleEvidence()
    evidence.add(pa.array(["1,234", "1.234", "5", "x"]))
    assert evidence.is_comma(by_default=by_default) is by_default


def test_rewritten_numbers_are_told_apart_from_plain_ones() -> None:
    _, is_rewritten = parse_numbers(pa.array(["1.5", "1,5", "x", "€3"]), is_decimal_comma=False)
    assert is_rewritten.tolist() == [False, True, False, True]


@given(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), st.sampled_from(["", " ", "\u00a0", "'"]))
def test_every_amount_survives_russian_and_english_notation(amount: float, separator: str) -> None:
    english = f"{amount:,.2f}".replace(",", separator)
    assert parse(english) == pytest.approx(amount)
    assert parse(english.replace(".", ","), is_decimal_comma=True) == pytest.approx(amount)


@given(st.lists(st.text(max_size=10)), st.booleans())
def test_no_text_at_all_makes_parsing_fail(values: list[str], is_decimal_comma: bool) -> None:
    numbers, is_rewritten = parse_numbers(pa.array(values, pa.string()), is_decimal_comma=is_decimal_comma)
    assert len(numbers) == len(is_rewritten) == len(values)
