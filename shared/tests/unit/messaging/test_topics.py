import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.topics import topic_matches

WORD = st.sampled_from(["a", "b", "a-b", "v1"])
KEY = st.lists(WORD, min_size=1, max_size=5)
PATTERN = st.lists(st.one_of(WORD, st.just("*"), st.just("#")), min_size=1, max_size=5)


def by_definition(pattern: list[str], key: list[str]) -> bool:
    if not pattern:
        return not key
    if pattern[0] == "#":
        return by_definition(pattern[1:], key) or (bool(key) and by_definition(pattern, key[1:]))
    return bool(key) and pattern[0] in {"*", key[0]} and by_definition(pattern[1:], key[1:])


@given(PATTERN, KEY)
def test_patterns_match_as_amqp_defines_it(pattern, key):
    assert topic_matches(".".join(pattern), ".".join(key)) == by_definition(pattern, key)


@pytest.mark.parametrize(("pattern", "key"), [("a.b", "axb"), ("a+.b", "aa.b"), ("(a", "(a.b"), ("[a]", "a")])
def test_signs_of_regular_expressions_mean_themselves(pattern, key):
    assert not topic_matches(pattern, key)
    assert topic_matches(pattern, pattern)
