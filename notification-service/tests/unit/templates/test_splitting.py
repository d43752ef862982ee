"""A long message is split where it reads well, and every part is well-formed by itself."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.telegram_html import parse_html, utf16_length

from notification_service.templates.domain.markup import escape, pieces, plain_text, utf16_units
from notification_service.templates.domain.splitting import split_markup

TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=60).map(html.escape)
TAGS = st.sampled_from(["b", "i", "u", "code", 'a href="https://x.example/?a=1&amp;b=2"'])


def _wrapped(parts: tuple[str, str]) -> str:
    tag, inside = parts
    return f"<{tag}>{inside}</{tag.split()[0]}>"


MARKUP = st.recursive(
    TEXTS,
    lambda inner: st.one_of(
        st.tuples(TAGS, inner).map(_wrapped), st.lists(inner, min_size=2, max_size=6).map("\n".join)
    ),
    max_leaves=25,
)


def visible(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(markup=MARKUP, limit=st.integers(20, 200))
def test_no_part_is_too_long_none_is_broken_and_nothing_is_lost(markup: str, limit: int) -> None:
    parts = split_markup(markup, limit)
    shown = [parse_html(part)[0] for part in parts]
    assert all(0 < utf16_length(text) <= limit for text in shown)
    assert visible("".join(shown)) == visible(parse_html(markup)[0])


@given(text=st.text(alphabet="👩🏽\u200d🚀é\u0301🇩🇪a ", max_size=300))
def test_no_emoji_is_cut_in_two(text: str) -> None:
    clusters = [piece.text for piece in pieces(escape(text))]
    assert "".join(clusters) == text
    in_parts = [piece.text for part in split_markup(escape(text), 80) for piece in pieces(part)]
    assert [c for c in in_parts if not c.isspace()] == [c for c in clusters if not c.isspace()]


def test_a_short_message_stays_one_part_as_it_is() -> None:
    assert split_markup("<b>37</b> articles\n&lt; 5 days") == ["<b>37</b> articles\n&lt; 5 days"]


def test_an_empty_message_has_no_parts() -> None:
    assert split_markup(" \n ") == []
    assert split_markup("<b></b>") == []


def test_lines_stay_whole_when_they_can() -> None:
    lines = [f"{n}. <b>article {n}</b> &amp; more" for n in range(400)]
    parts = split_markup("\n".join(lines))
    assert len(parts) == 3
    assert [line for part in parts for line in part.split("\n")] == lines


def test_a_tag_open_at_the_break_is_closed_and_opened_again() -> None:
    first, second = split_markup('<a href="https://x.example">' + "word " * 10 + "</a>", 30)
    assert first == '<a href="https://x.example">word word word word word word</a>'
    assert second == '<a href="https://x.example">word word word word</a>'


def test_a_text_without_spaces_is_cut_at_the_limit() -> None:
    assert [len(part) for part in split_markup("x" * 9000)] == [4096, 4096, 808]


def test_characters_outside_the_basic_plane_count_twice() -> None:
    assert utf16_units("🔴a") == 3
    assert [len(part) for part in split_markup("🔴" * 4096)] == [2048, 2048]


def test_a_character_reference_is_never_cut() -> None:
    assert split_markup("&amp;" * 10, 4) == ["&amp;" * 4, "&amp;" * 4, "&amp;" * 2]


def test_a_pile_of_combining_marks_does_not_grow_without_end() -> None:
    assert all(utf16_length(plain_text(part)) <= 4096 for part in split_markup("a" + "\u0301" * 9000))


@pytest.mark.parametrize("odd", ["a & b", "1 < 2", "&foo; &#1; &#0; &#xD800;", "<", "</", "&"])
def test_broken_markup_is_read_as_text_and_never_fails(odd: str) -> None:
    assert "".join(piece.source for piece in pieces(odd)) == odd
    assert len(split_markup(odd)) == 1


def test_the_address_of_a_link_follows_its_label_in_plain_text() -> None:
    markup = '<b>Plan</b> <a href="https://x.example/?a=1&amp;b=2">Open &lt;it&gt;</a>'
    assert plain_text(markup) == "Plan Open <it> (https://x.example/?a=1&b=2)"
    assert plain_text(markup, links=False) == "Plan Open <it>"
