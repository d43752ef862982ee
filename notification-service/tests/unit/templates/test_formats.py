"""Numbers, money, dates and plural forms as each language writes them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from notification_service.templates.adapters.formats import Formats

TODAY = date(2026, 11, 22)
EN = Formats("en", UTC, TODAY)
RU = Formats("ru", UTC, TODAY)
NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 товаров"),
        (1, "1 товар"),
        (2, "2 товара"),
        (5, "5 товаров"),
        (11, "11 товаров"),
        (21, "21 товар"),
        (112, "112 товаров"),
        (1.5, "1,5 товара"),
        (1000, "1 000 товаров"),
    ],
)
def test_russian_counts_take_the_right_one_of_three_forms(count: float, shown: str) -> None:
    assert RU.count(count, "товар", "товара", "товаров").replace(NBSP, " ") == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 lines"), (1, "1 line"), (1.5, "1.5 lines"), (12345, "12,345 lines")]
)
def test_english_counts_take_the_right_one_of_two_forms(count: float, shown: str) -> None:
    assert EN.count(count, "line", "lines").replace(NBSP, " ") == shown


def test_a_template_with_too_few_forms_is_refused() -> None:
    with pytest.raises(ValueError, match="ru needs 3 forms"):
        RU.plural(2, "товар", "товара")


@pytest.mark.parametrize(
    ("value", "currency", "english", "russian"),
    [
        ("0.62", "EUR", "€0.62", "0,62 €"),
        ("37", "EUR", "€37", "37 €"),
        ("1234.56", "USD", "$1,235", "1 235 $"),
        ("1500000", "RUB", "RUB 1,500,000", "1 500 000 ₽"),
    ],
)
def test_money_is_written_as_in_the_language(value: str, currency: str, english: str, russian: str) -> None:
    assert EN.money(Decimal(value), currency).replace(NBSP, " ") == english
    assert RU.money(Decimal(value), currency).replace(NBSP, " ") == russian


def test_a_date_has_its_year_only_when_it_is_another_one() -> None:
    assert EN.day(date(2026, 12, 1)) == "Dec 1"
    assert EN.day(date(2027, 1, 5)) == "Jan 5, 2027"
    assert EN.day(date(2026, 12, 1), date(2027, 1, 5)) == "Dec 1, 2026"
    assert RU.day(date(2026, 12, 1)) == "1 дек."


def test_a_moment_names_its_zone() -> None:
    assert RU.moment(datetime(2026, 11, 22, 7, 5, tzinfo=UTC)) == "22 нояб., 07:05 UTC"


@pytest.mark.parametrize(
    ("seconds", "english"),
    [(0.44, "0.4 sec"), (9.96, "10 sec"), (59.6, "1 min"), (60, "1 min"), (125, "2 min 5 sec"), (7260, "2 hr 1 min")],
)
def test_a_duration_has_at_most_two_units(seconds: float, english: str) -> None:
    assert EN.duration(seconds).replace(NBSP, " ") == english


def test_sizes_use_decimal_units() -> None:
    assert [EN.size(n) for n in (1, 999, 1000, 48_211_334)] == ["1 byte", "999 byte", "1 kB", "48.2 MB"]
    assert RU.size(48_211_334).replace(NBSP, " ") == "48,2 МБ"


def test_long_texts_are_cut_and_kept_on_one_line() -> None:
    assert EN.short("a\n b\t c") == "a b c"
    assert EN.short("x" * 61) == "x" * 59 + "…"
