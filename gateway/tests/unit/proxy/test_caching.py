"""What may be kept, for whom, and how long."""

from typing import Any

import pytest

from gateway.proxy.domain.caching import (
    Allowance,
    Freshness,
    StoredResponse,
    Told,
    cache_key,
    digest_of,
    directives,
    etag_of,
    freshness,
    http_date,
    is_storable,
    revalidated,
    stored_response,
    variation,
)

PLAIN = [(b"content-type", b"application/json")]
NOW = 1_000_000.0


def stored(body: bytes = b"{}", **given: Any) -> StoredResponse:
    values: dict[str, Any] = {
        "kept": tuple(PLAIN),
        "etag": b'"1"',
        "has_own_etag": True,
        "made_at": NOW,
        "lifetime": 5,
        "stale_seconds": 0,
        "error_seconds": 0,
        "generation": "0",
        **given,
    }
    return StoredResponse(body=body, **values)


def test_every_part_of_the_key_counts() -> None:
    base = ("user|1|s|buyer|", b"/a?b", (b"x", None))
    asked = [
        base,
        ("user|2|s|buyer|", *base[1:]),
        ("user|1|s|admin|", *base[1:]),
        (base[0], b"/a?c", base[2]),
        (base[0], base[1], (b"y", None)),
        (base[0], base[1], (None, b"x")),
        (base[0], base[1], (b"x", b"")),
        (base[0], b"/a?b\n+1:x", (None,)),
    ]
    assert len({cache_key(*parts) for parts in asked}) == 8
    assert len({digest_of(*parts) for parts in asked}) == 8


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        (b"", 5),
        (b"max-age=60", 5),
        (b"max-age=2", 2),
        (b"max-age=60, s-maxage=1", 1),
        (b"max-age=0", 0),
        (b"Max-Age=2", 2),
        (b'max-age="2"', 2),
        (b"max-age=abc", 0),
        (b"max-age=-1", 0),
        (b"max-age=1, max-age=3", 0),
        (b"max-age=99999999999999999999", 0),
        (b"public", 5),
    ],
)
def test_a_life_is_as_long_as_the_service_says_and_the_route_allows(control: bytes, seconds: int) -> None:
    headers = [*PLAIN, (b"cache-control", control)] if control else PLAIN
    found = freshness(headers, Allowance(5), NOW)
    assert (found.lifetime if found is not None else 0) == seconds


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"expires", b"Mon, 12 Jan 1970 13:46:43 GMT"), (b"date", b"Mon, 12 Jan 1970 13:46:40 GMT")], 3),
        ([(b"expires", b"Mon, 12 Jan 1970 13:46:44 GMT")], 4),
        ([(b"expires", b"0")], None),
        ([(b"expires", b"Thu, 01 Jan 1970 00:00:00 GMT")], None),
        ([(b"expires", b"Mon, 12 Jan 1970 13:46:43 GMT"), (b"cache-control", b"max-age=2")], 2),
        ([(b"age", b"2")], 5),
        ([(b"age", b"5")], None),
    ],
)
def test_expires_and_age_count(headers: list[tuple[bytes, bytes]], expected: int | None) -> None:
    found = freshness(headers, Allowance(5), NOW)
    assert (None if found is None else found.lifetime) == expected


def test_a_stale_answer_may_be_served_as_long_as_route_and_service_agree() -> None:
    allowed = Allowance(5, stale=30, error=60)
    control = [(b"cache-control", b"max-age=5, stale-while-revalidate=10, stale-if-error=600")]
    assert freshness(control, allowed, NOW) == Freshness(5, 0, 10, 60)
    assert freshness([(b"cache-control", b"must-revalidate")], allowed, NOW) == Freshness(5, 0, 0, 0)
    assert freshness(PLAIN, allowed, NOW) == Freshness(5, 0, 30, 60)


@pytest.mark.parametrize(
    "header",
    [
        (b"set-cookie", b"a"),
        (b"vary", b"*"),
        (b"vary", b"accept, origin"),
        (b"content-range", b"x"),
        (b"cache-control", b"no-store"),
        (b"cache-control", b"private"),
        (b"cache-control", b"no-cache"),
        (b"cache-control", b'private="x", max-age=60'),
    ],
)
def test_some_answers_are_never_kept(header: tuple[bytes, bytes]) -> None:
    assert is_storable(200, PLAIN)
    assert not is_storable(200, [*PLAIN, header])
    assert stored_response(Told(200, [*PLAIN, header], PLAIN), b"", "0", Allowance(5), NOW) is None


@pytest.mark.parametrize("status", [203, 204, 206, 301, 304, 404, 500])
def test_only_a_200_is_kept(status: int) -> None:
    assert stored_response(Told(status, PLAIN, PLAIN), b"", "0", Allowance(5), NOW) is None


def test_what_an_answer_varies_by_is_a_mask() -> None:
    assert variation(PLAIN) == "000"
    assert variation([(b"vary", b"Accept-Encoding"), (b"vary", b"accept")]) == "101"
    assert variation([(b"vary", b"Accept-Language, Authorization, Cookie")]) == "010"
    assert variation([(b"vary", b"X-Tenant")]) is None


def test_an_answer_is_rendered_once_and_tells_its_age() -> None:
    response = stored(b"1234")
    assert response.block == (
        b'content-type: application/json\r\netag: "1"\r\ncache-control: private, no-cache\r\ncontent-length: 4\r\n'
    )
    assert response.hit_lines(NOW + 2.5) == b"age: 2\r\ncache-status: gateway; hit; ttl=3\r\n"
    assert response.fresh_until == NOW + 5


def test_a_304_renews_the_life_and_the_headers_of_what_is_kept() -> None:
    old = stored(kept=((b"content-type", b"a"), (b"link", b"b")))
    told = Told(200, [(b"cache-control", b"max-age=3"), (b"link", b"c")], [(b"link", b"c")])
    renewed = revalidated(old, told, "7", Allowance(5), NOW + 9)
    assert renewed is not None
    assert (renewed.kept, renewed.body, renewed.lifetime) == (((b"content-type", b"a"), (b"link", b"c")), b"{}", 3)
    assert (renewed.generation, renewed.fresh_until) == ("7", NOW + 12)


@pytest.mark.parametrize("header", [(b"etag", b'"2"'), (b"cache-control", b"no-store")])
def test_a_304_about_something_else_or_with_a_ban_renews_nothing(header: tuple[bytes, bytes]) -> None:
    assert revalidated(stored(), Told(200, [header], []), "0", Allowance(5), NOW) is None


def test_the_service_can_be_asked_by_its_own_tag_and_date_only() -> None:
    modified = (b"last-modified", b"Mon, 12 Jan 1970 13:46:40 GMT")
    assert stored().validators == [(b"if-none-match", b'"1"')]
    assert stored(has_own_etag=False).validators == []
    assert stored(has_own_etag=False, kept=(modified,)).validators == [(b"if-modified-since", modified[1])]


def test_a_tag_is_the_services_own_or_made_of_the_body() -> None:
    assert etag_of([(b"etag", b'W/"1"')], b"") == (b'W/"1"', True)
    assert etag_of([], b"a") != etag_of([], b"b")
    assert etag_of([], b"a")[1] is False


def test_directives_are_read_with_and_without_values() -> None:
    assert directives(b'no-cache="a, b", MAX-AGE=3 ,x') == {b"no-cache": b"a, b", b"max-age": b"3", b"x": b""}
    assert directives(None) == {}


@pytest.mark.parametrize("value", [None, b"", b"0", b"-1", b"yesterday", b"\xff", b"Mon, 99 Jan 1970 13:46:40 GMT"])
def test_what_is_no_date_is_none(value: bytes | None) -> None:
    assert http_date(value) is None
