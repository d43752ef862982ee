from datetime import UTC, datetime, timedelta, timezone

import pytest

from monitoring_service.status_page.domain import TEXTS, Language, choose_language, moment_text, span_text


def test_both_languages_have_the_same_words() -> None:
    assert TEXTS["en"].keys() == TEXTS["ru"].keys()


@pytest.mark.parametrize(
    ("asked", "header", "chosen"),
    [
        ("ru", "en-GB,en;q=0.9", "ru"),
        (None, "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        (None, "de-DE,en;q=0.5,ru;q=0.4", "en"),
        (None, "", "en"),
        (None, "xx;q=zz,,;", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_browsers(
    asked: Language | None, header: str, chosen: Language
) -> None:
    assert choose_language(asked, header) == chosen


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3900, "1 h 5 min"), (3605, "1 h"), (90061, "1 d 1 h"), (-5, "0 s")],
)
def test_spans_show_their_two_largest_units(seconds: int, text: str) -> None:
    assert span_text(timedelta(seconds=seconds), "en") == text


def test_moments_are_shown_in_utc() -> None:
    moscow = timezone(timedelta(hours=3))
    assert moment_text(datetime(2026, 1, 1, 2, 30, tzinfo=moscow)) == "2025-12-31 23:30 UTC"
    assert moment_text(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00 UTC"
