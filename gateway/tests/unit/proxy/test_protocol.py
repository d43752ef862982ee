"""The strict look at a request's head."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.adapters.protocol import head_violation
from gateway.proxy.domain.headers import MAX_HEADERS

HEAD = b"GET /api/v1/data/sales?q=%20 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
lines = st.lists(st.binary(max_size=20), max_size=4)
heads = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda method, target, version, rest: b"%b %b %b\r\n%b\r\n\r\n" % (method, target, version, b"\r\n".join(rest)),
        st.sampled_from([b"GET", b"POST", b"get", b"CONNECT", b"", b"X" * 21]),
        st.one_of(st.just(b"/a"), st.binary(max_size=10)),
        st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"RTSP/1.0", b"HTTP/2.0", b""]),
        lines,
    ),
)


def status(head: bytes, *, is_whole: bool = True) -> int | None:
    error = head_violation(head, is_whole=is_whole)
    return error.status if error is not None else None


@given(heads)
def test_a_beginning_is_refused_only_if_the_whole_is(head: bytes) -> None:
    if status(head) is None:
        assert [status(head[:end], is_whole=False) for end in range(1, len(head))] == [None] * (len(head) - 1)


@given(heads, st.binary(max_size=20))
def test_what_is_refused_stays_refused_whatever_follows(head: bytes, more: bytes) -> None:
    if head and not head.endswith(b"\r") and status(head, is_whole=False) is not None:
        assert status(head + more, is_whole=False) is not None


@given(st.integers(1, len(HEAD) - 1))
def test_a_good_head_is_good_from_its_first_byte(end: int) -> None:
    assert status(HEAD) is None
    assert status(HEAD[:end], is_whole=False) is None


@pytest.mark.parametrize(
    "line",
    [
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET\t/ HTTP/1.1",
        b"GET /\tHTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET / RTSP/1.0",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.2",
        b"GET / http/1.1",
        b"GET /",
        b"GET /#fragment HTTP/1.1",
        b"GET /?q#fragment HTTP/1.1",
        b"GET http://a/ HTTP/1.1",
        b"GET a HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"get / HTTP/1.1",
        b"G\xc3\x8bT / HTTP/1.1",
        b"GET /\rx HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01",
        b"",
    ],
)
def test_anything_but_a_method_a_path_and_a_version_is_refused(line: bytes) -> None:
    assert status(line + b"\r\nHost: a\r\n\r\n") == 400


@pytest.mark.parametrize("head", [HEAD.replace(b"\r\n", b"\n"), HEAD.replace(b"a\r\n", b"a\n", 1), b"\n" + HEAD])
def test_a_bare_line_feed_is_refused(head: bytes) -> None:
    assert status(head) == 400


def test_connect_is_no_method_here() -> None:
    assert status(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n") == 405


def test_a_long_target_is_refused_before_it_is_whole() -> None:
    assert status(b"GET /" + b"a" * 100_000, is_whole=False) == 414
    assert status(b"GET /" + b"a" * 8000, is_whole=False) is None


def test_headers_are_limited_in_number_and_size() -> None:
    def head(count: int) -> bytes:
        return b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * count + b"\r\n"

    assert status(head(MAX_HEADERS)) is None
    assert status(head(MAX_HEADERS + 1)) == 431
    assert status(b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000, is_whole=False) == 431
