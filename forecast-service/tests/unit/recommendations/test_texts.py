import pytest

from forecast_service.recommendations.domain import texts
from forecast_service.recommendations.domain.trust import BLOCKED_CODES


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.034, "0.03"), (4.23, "4.2"), (4.0, "4"), (19.6, "20"), (1234.5, "1234"), (0.5, "0.5")],
)
def test_numbers_are_as_exact_as_they_need_to_be(value: float, shown: str) -> None:
    assert texts.number(value) == shown


@pytest.mark.parametrize(
    ("count", "word"), [(1, "день"), (2, "дня"), (5, "дней"), (11, "дней"), (21, "день"), (104, "дня")]
)
def test_russian_days_are_declined(count: int, word: str) -> None:
    assert texts.days_in_russian(count) == word


@pytest.mark.parametrize("code", sorted(BLOCKED_CODES))
def test_every_blocking_reason_has_words_in_both_languages(code: str) -> None:
    assert all(texts.blocked_text(code)[language] for language in texts.LANGUAGES)
