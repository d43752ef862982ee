"""What a caller asks of the cache."""

from typing import Any

import pytest

from gateway.proxy.domain.caching import StoredResponse
from gateway.proxy.domain.conditions import Demands, headers_of_304, is_known, is_plain, is_unchanged
from gateway.proxy.domain.headers import RequestHeaders, screen

NOW = 1_000_000.0
MODIFIED = b"Mon, 12 Jan 1970 13:46:40 GMT"


def asked(*headers: tuple[bytes, bytes]) -> RequestHeaders:
    return screen(headers)


def control(value: bytes) -> Demands:
    return Demands.of(asked((b"cache-control", value)))


def stored(**given: Any) -> StoredResponse:
    values: dict[str, Any] = {
        "kept": ((b"last-modified", MODIFIED),),
        "body": b"{}",
        "etag": b'"1"',
        "has_own_etag": True,
        "made_at": NOW,
        "lifetime": 10,
        "stale_seconds": 10,
        "error_seconds": 100,
        "generation": "0",
        **given,
    }
    return StoredResponse(**values)


@pytest.mark.parametrize(
    "header",
    [
        (b"cache-control", b"no-cache"),
        (b"if-none-match", b"*"),
        (b"if-modified-since", MODIFIED),
        (b"range", b"bytes=0-1"),
    ],
)
def test_a_request_with_a_condition_is_not_plain(header: tuple[bytes, bytes]) -> None:
    assert is_plain(asked((b"accept", b"*/*")))
    assert not is_plain(asked(header))


@pytest.mark.parametrize(
    ("value", "age", "refused"),
    [
        (b"", 9, False),
        (b"no-cache", 0, True),
        (b"max-age=0", 1, True),
        (b"max-age=5", 5, False),
        (b"max-age=5", 6, True),
        (b"max-age=x", 1, True),
        (b"min-fresh=5", 5, False),
        (b"min-fresh=5", 6, True),
    ],
)
def test_a_caller_may_want_it_fresher(value: bytes, age: int, *, refused: bool) -> None:
    assert control(value).refuses(stored(), NOW + age) is refused


@pytest.mark.parametrize(
    ("value", "seconds_stale", "taken"),
    [
        (b"", 10, True),
        (b"", 11, False),
        (b"max-stale=3", 3, True),
        (b"max-stale=3", 4, False),
        (b"max-stale", 10, True),
        (b"max-stale", 11, False),
        (b"no-cache", 1, False),
        (b"max-age=5", 1, False),
        (b"min-fresh=1", 1, False),
    ],
)
def test_a_caller_may_take_it_stale_within_the_window(value: bytes, seconds_stale: int, *, taken: bool) -> None:
    assert control(value).takes_stale(stored(), NOW + 10 + seconds_stale) is taken


def test_the_window_is_wider_when_the_service_is_away() -> None:
    assert control(b"").takes_stale(stored(), NOW + 110, instead_of_error=True)
    assert not control(b"").takes_stale(stored(), NOW + 111, instead_of_error=True)
    assert not control(b"no-cache").takes_stale(stored(), NOW + 20, instead_of_error=True)


def test_nothing_is_looked_up_for_a_range_or_when_no_trace_is_wanted() -> None:
    assert control(b"no-store").bypasses
    assert Demands.of(asked((b"range", b"bytes=0-1"))).bypasses
    assert not control(b"only-if-cached").bypasses
    assert control(b"only-if-cached").only_if_cached


def test_validators_are_compared_weakly() -> None:
    assert is_unchanged(b'"0", "1"', b'W/"1"')
    assert is_unchanged(b'W/"1"', b'"1"')
    assert is_unchanged(b" * ", b'"1"')
    assert is_unchanged(b'"a,b", "1"', b'"a,b"')
    assert not is_unchanged(b'"10"', b'"1"')
    assert not is_unchanged(b"1", b'"1"')
    assert not is_unchanged(None, b'"1"')


def test_a_date_counts_only_without_a_tag() -> None:
    since = (b"if-modified-since", MODIFIED)
    assert is_known(asked(since), stored())
    assert not is_known(asked((b"if-modified-since", b"Mon, 12 Jan 1970 13:46:39 GMT")), stored())
    assert not is_known(asked((b"if-modified-since", b"soon")), stored())
    assert not is_known(asked(since), stored(kept=()))
    assert not is_known(asked(since, (b"if-none-match", b'"2"')), stored())


def test_a_304_says_nothing_about_a_body_it_does_not_have() -> None:
    headers = [(b"content-type", b"a"), (b"content-length", b"2"), (b"etag", b'"1"'), (b"vary", b"accept")]
    assert headers_of_304(headers) == [(b"etag", b'"1"'), (b"vary", b"accept")]
