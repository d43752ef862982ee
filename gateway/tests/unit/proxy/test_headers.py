"""Which headers pass, which are read, which never get through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.domain.headers import MAX_HEADERS, body_length, check_host, screen
from gateway.proxy.domain.violations import ViolationError

RESERVED = [
    b"x-identity-token",
    b"x-user-id",
    b"x-forwarded-for",
    b"x-acting-for",
    b"x-request-id",
    b"authorization",
    b"content-length",
]


def test_ordinary_headers_pass_in_their_order() -> None:
    headers = [(b"accept", b"a"), (b"prefer", b"1"), (b"idempotency-key", b"k"), (b"prefer", b"2")]
    assert screen(headers).passed == headers


def test_credentials_are_read_and_not_passed_on() -> None:
    screened = screen([(b"authorization", b"Bearer x"), (b"x-api-key", b"k"), (b"x-acting-for", b"t"), (b"host", b"h")])
    assert (screened.authorization, screened.api_key, screened.acting_for, screened.host) == (
        b"Bearer x",
        b"k",
        b"t",
        b"h",
    )
    assert screened.passed == []


@pytest.mark.parametrize(
    "name", [b"x-user", b"x-amzn-oidc-data", b"x-consumer-id", b"cookie", b"x-forwarded-host", b"x-anything", b"te"]
)
def test_what_is_not_on_the_list_does_not_pass(name: bytes) -> None:
    assert screen([(name, b"forged")]).passed == []


@given(st.sampled_from(RESERVED), st.lists(st.sampled_from([b"-", b"_", b"."]), min_size=5, max_size=5))
def test_no_spelling_of_a_reserved_name_passes(name: bytes, marks: list[bytes]) -> None:
    parts = name.split(b"-")
    spelled = parts[0] + b"".join(mark + part for mark, part in zip(marks, parts[1:], strict=False))
    assert screen([(spelled, b"forged")]).passed == []


def test_names_listed_in_connection_are_dropped_wherever_they_stand() -> None:
    screened = screen(
        [(b"prefer", b"1"), (b"connection", b"close, Prefer , origin"), (b"origin", b"2"), (b"pragma", b"3")]
    )
    assert screened.passed == [(b"pragma", b"3")]


@pytest.mark.parametrize(
    "name", [b"host", b"authorization", b"x-api-key", b"x-acting-for", b"content-length", b"transfer-encoding"]
)
def test_what_decides_may_come_only_once(name: bytes) -> None:
    with pytest.raises(ViolationError) as refused:
        screen([(name, b"1"), (name, b"1")])
    assert refused.value.status == 400


def test_too_many_or_too_large_headers_are_a_431() -> None:
    for headers in ([(b"x-a", b"")] * (MAX_HEADERS + 1), [(b"x-a", b"a" * 40_000)]):
        with pytest.raises(ViolationError) as refused:
            screen(headers)
        assert refused.value.status == 431


@pytest.mark.parametrize("host", [b"a", b"a.b:80", b"A-1.example.", b"127.0.0.1:8080", b"[::1]:8080", b"gateway_1"])
def test_a_well_formed_host_is_taken(host: bytes) -> None:
    check_host(host, frozenset())


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b"a b",
        b"a/b",
        b"x@a",
        b"a:b",
        b"a:",
        b":80",
        b"a,b",
        b"a?b",
        b"a#b",
        b"-a",
        b"[::1",
        b"::1",
        b"a\n",
        b"a:123456",
    ],
)
def test_a_malformed_host_is_refused(host: bytes | None) -> None:
    with pytest.raises(ViolationError):
        check_host(host, frozenset())


def test_only_listed_hosts_are_served_when_there_is_a_list() -> None:
    allowed = frozenset({b"api.example.com"})
    check_host(b"API.example.com:443", allowed)
    check_host(b"api.example.com", allowed)
    with pytest.raises(ViolationError):
        check_host(b"evil.example.com", allowed)


@pytest.mark.parametrize(
    ("headers", "version", "length"),
    [
        ([], "1.1", 0),
        ([(b"content-length", b"12")], "1.0", 12),
        ([(b"transfer-encoding", b"Chunked")], "1.1", None),
    ],
)
def test_the_length_of_a_body(headers: list[tuple[bytes, bytes]], version: str, length: int | None) -> None:
    assert body_length(screen(headers), version) == length


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([(b"transfer-encoding", b"chunked")], "1.0"),
        ([(b"transfer-encoding", b"gzip, chunked")], "1.1"),
        ([(b"transfer-encoding", b"")], "1.1"),
        ([(b"transfer-encoding", b"chunked"), (b"content-length", b"1")], "1.1"),
        ([(b"content-length", b"+1")], "1.1"),
        ([(b"content-length", b"1_0")], "1.1"),
        ([(b"content-length", b"")], "1.1"),
        ([(b"content-length", "١".encode())], "1.1"),
    ],
)
def test_an_unclear_length_is_refused(headers: list[tuple[bytes, bytes]], version: str) -> None:
    with pytest.raises(ViolationError):
        body_length(screen(headers), version)
