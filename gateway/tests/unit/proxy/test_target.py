"""Paths and queries: one form, or refused."""

from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.domain.target import MAX_TARGET_BYTES, canonical_path, checked_query
from gateway.proxy.domain.violations import ViolationError


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/", b"/"),
        (b"/api/v1/data/sales", b"/api/v1/data/sales"),
        (b"/.well-known/jwks.json", b"/.well-known/jwks.json"),
        (b"/a/%61bc", b"/a/abc"),
        (b"/a/%7Euser", b"/a/~user"),
        (b"/a/%d0%90", b"/a/%D0%90"),
        (b"/a/50%25", b"/a/50%25"),
        (b"/a/b%20c", b"/a/b%20c"),
        (b"/a/b+c,d:e@f=g!$&'()*", b"/a/b+c,d:e@f=g!$&'()*"),
        (b"/a/...", b"/a/..."),
        (b"/a/b..c", b"/a/b..c"),
        (b"/a/%3F%23", b"/a/%3F%23"),
    ],
)
def test_a_clear_path_has_one_form(raw: bytes, canonical: bytes) -> None:
    assert canonical_path(raw) == canonical
    assert canonical_path(canonical) == canonical


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"a", b"//", b"/a/", b"/a//b", b"/./a", b"/a/..", b"/%2e", b"/%2E%2e/a", b"/.%2e", b"/a%2fb", b"/a%5Cb",
        b"/a\\b", b"/a;b", b"/a%3bb", b"/a%00", b"/a%0a", b"/a%1f", b"/a%7f", b"/%252e", b"/%2541", b"/%c0%ae", b"/%ff",
        b"/%ed%a0%80", b"/%", b"/%4", b"/%zz", b"/%u0041", b"/a b", b"/a\n", b"/a#b", b"/a?b", b"/\xd0\x90", b'/a"b', b"/a<b",
        b"/a[b]", b"/a{b}", b"/a|b", b"/a^b", b"/a`b",
    ],
)  # fmt: skip
def test_a_path_with_two_readings_is_refused(raw: bytes) -> None:
    with pytest.raises(ViolationError) as refused:
        canonical_path(raw)
    assert refused.value.status == 400


def test_a_long_target_is_a_414() -> None:
    with pytest.raises(ViolationError) as path:
        canonical_path(b"/" + b"a" * MAX_TARGET_BYTES)
    with pytest.raises(ViolationError) as query:
        checked_query(b"a" * MAX_TARGET_BYTES, 10)
    assert (path.value.status, query.value.status) == (414, 414)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4))
def test_whatever_is_accepted_means_the_same_after_one_decoding(segments: list[str]) -> None:
    raw = "".join("/" + quote(segment.encode("utf-8", "surrogatepass"), safe="") for segment in segments).encode()
    try:
        canonical = canonical_path(raw)
    except ViolationError:
        return
    assert [unquote_to_bytes(part) for part in canonical.split(b"/")[1:]] == [s.encode() for s in segments]
    assert canonical_path(canonical) == canonical


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_canonical_and_never_fail(raw: bytes) -> None:
    try:
        canonical = canonical_path(raw)
    except ViolationError:
        return
    decoded = unquote_to_bytes(canonical)
    assert canonical.startswith(b"/")
    assert b"//" not in canonical
    assert not {b".", b".."} & set(decoded.split(b"/"))
    assert not any(byte < 0x20 or byte == 0x7F for byte in decoded)
    assert b"\\" not in decoded
    assert b";" not in decoded


@pytest.mark.parametrize("query", [b"a b", b"a\x00", b"a=%00", b"a=%0", b"a=%", b"a=\xff", b"a\tb"])
def test_a_query_with_raw_or_broken_characters_is_refused(query: bytes) -> None:
    with pytest.raises(ViolationError):
        checked_query(query, 0)


@pytest.mark.parametrize("query", [b"", b"a=b&c=%20d", b"q=a+b;c[]=1|2", b"a=%D0%90"])
def test_a_query_passes_as_it_came(query: bytes) -> None:
    assert checked_query(query, 0) == query
