import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.pagination import InvalidCursorError, PageRequest, decode_cursor, encode_cursor

plain = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())


@given(st.lists(plain, min_size=1, max_size=4))
def test_a_cursor_gives_back_its_sort_key(values: list[object]) -> None:
    assert decode_cursor(encode_cursor(*values), len(values)) == tuple(values)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_and_nothing_else(text: str) -> None:
    try:
        values = decode_cursor(text, 2)
    except InvalidCursorError:
        return
    assert len(values) == 2


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidCursorError):
        decode_cursor(encode_cursor("a"), 2)
    with pytest.raises(InvalidCursorError):
        decode_cursor(encode_cursor({"a": 1}), 1)


def test_the_first_page_has_no_key_to_continue_behind() -> None:
    assert PageRequest(limit=10, cursor=None).after(2) is None
