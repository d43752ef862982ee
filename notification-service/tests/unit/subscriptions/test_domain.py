"""Which patterns match which events, and what is an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_service.subscriptions.domain import (
    AddressError,
    ChannelName,
    PatternError,
    covering_patterns,
    matches,
    normal_address,
    normal_patterns,
)
from notification_service.templates.service import TOPICS

NAMES = tuple(TOPICS)
PATTERNS = sorted({pattern for name in NAMES for pattern in covering_patterns(name)})


def test_an_event_is_covered_by_itself_and_by_every_wider_pattern() -> None:
    assert covering_patterns("forecast.run.completed") == (
        "*",
        "forecast.*",
        "forecast.run.*",
        "forecast.run.completed",
    )


@pytest.mark.parametrize("pattern", ["forecast", "forecast.run", "*.completed", "forecast.*.completed", "fore*", ""])
def test_other_shapes_match_nothing(pattern: str) -> None:
    assert not matches(pattern, "forecast.run.completed")


@given(patterns=st.lists(st.sampled_from(PATTERNS), min_size=1))
def test_normal_patterns_want_the_same_events_with_none_to_spare(patterns: list[str]) -> None:
    normal = normal_patterns(patterns, NAMES)

    def wanted(chosen: list[str]) -> set[str]:
        return {name for name in NAMES if any(matches(pattern, name) for pattern in chosen)}

    assert wanted(normal) == wanted(patterns)
    assert all(wanted([p for p in normal if p != pattern]) != wanted(normal) for pattern in normal if len(normal) > 1)
    assert normal_patterns(normal, NAMES) == normal


def test_versions_and_repetitions_are_dropped() -> None:
    assert normal_patterns(["data.import.failed.v1", " data.import.failed "], NAMES) == ["data.import.failed"]


@pytest.mark.parametrize("pattern", ["forecast.runs.completed", "forecast", "data.stock.changed", "*.*", "", "**", "%"])
def test_a_pattern_that_no_event_has_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="no event is called"):
        normal_patterns(["*", pattern], NAMES)


def test_a_near_miss_is_told_what_was_probably_meant() -> None:
    with pytest.raises(PatternError, match=r"did you mean forecast\.run\.completed"):
        normal_patterns(["forecast.run.complete"], NAMES)


@pytest.mark.parametrize(
    ("channel", "address", "normal"),
    [
        ("telegram", " 123456789 ", "123456789"),
        ("telegram", "-1001234567890", "-1001234567890"),
        ("telegram", "@our_channel", "@our_channel"),
        ("console", "ops@desk-1", "ops@desk-1"),
    ],
)
def test_addresses_are_kept_without_space_around(channel: ChannelName, address: str, normal: str) -> None:
    assert normal_address(channel, address) == normal


@pytest.mark.parametrize(
    "address", ["0", "-0", "007", "1e5", "12 34", "+49151", "@ab", "@9channel", "chat", "9" * 19, str(2**52), "１２３"]
)
def test_what_telegram_cannot_have_as_a_chat_is_refused(address: str) -> None:
    with pytest.raises(AddressError, match="chat id such as"):
        normal_address("telegram", address)


@pytest.mark.parametrize("address", ["", " ", "-x", "a b", "x" * 65, "a\nb"])
def test_a_console_name_is_short_and_plain(address: str) -> None:
    with pytest.raises(AddressError, match="up to 64"):
        normal_address("console", address)
