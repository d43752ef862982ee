"""RFC 9111 case by case, after the required parts of http-tests/cache-tests: which requests reach the service."""

import json
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import pytest

PATH = "/api/v1/data/products"
INNER = "/v1/products"
CACHE_SECONDS = 60
DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Case:
    """The same address asked twice, `pause` seconds apart. `reached`: how many of the two reach the service."""

    name: str
    answer: tuple[Header, ...] = ()
    first: tuple[tuple[str, str], ...] = ()
    second: tuple[tuple[str, str], ...] = ()
    pause: float = 0
    reached: int = 1
    status: int = 200
    cache_status: str | None = None


def control(value: str) -> tuple[Header, ...]:
    return ((b"cache-control", value.encode()),)


def asks(value: str) -> tuple[tuple[str, str], ...]:
    return (("Cache-Control", value),)


def vary(value: str) -> tuple[Header, ...]:
    return ((b"vary", value.encode()),)


CASES = [
    # Freshness and age.
    Case("no word about freshness: the route decides", cache_status="gateway; hit; ttl=60"),
    Case("max-age below the route's", control("max-age=10"), cache_status="gateway; hit; ttl=10"),
    Case("max-age above the route's", control("max-age=3600"), cache_status="gateway; hit; ttl=60"),
    Case("s-maxage goes before max-age", control("max-age=1, s-maxage=30"), cache_status="gateway; hit; ttl=30"),
    Case("max-age passes", control("max-age=1"), pause=1.1, reached=2),
    Case("max-age=0", control("max-age=0"), reached=2),
    Case("max-age that is no number", control("max-age=1h"), reached=2),
    Case("two max-ages that differ", control("max-age=10, max-age=20"), reached=2),
    Case("age of an answer that was kept before", ((b"age", b"50"),), cache_status="gateway; hit; ttl=10"),
    Case("age beyond its life", (*control("max-age=10"), (b"age", b"11")), reached=2),
    Case("expires in the past", ((b"expires", b"Thu, 01 Jan 1970 00:00:00 GMT"),), reached=2),
    Case("expires that is no date", ((b"expires", b"0"),), reached=2),
    Case(
        "expires in the future",
        ((b"expires", formatdate(time.time() + 3600, usegmt=True).encode()),),
        cache_status="gateway; hit; ttl=60",
    ),
    Case(
        "max-age goes before expires", (*control("max-age=9"), (b"expires", b"0")), cache_status="gateway; hit; ttl=9"
    ),
    # What must not be kept.
    Case("no-store", control("no-store"), reached=2),
    Case("No-Store among others", control("max-age=100, No-Store"), reached=2),
    Case("private", control("private"), reached=2),
    Case("private with field names", control('private="set-cookie"'), reached=2),
    Case("no-cache", control("no-cache"), reached=2),
    Case("set-cookie", ((b"set-cookie", b"a=1"),), reached=2),
    Case("a part", ((b"content-range", b"bytes 0-1/2"),), reached=2),
    # Vary.
    Case("vary: *", vary("*"), reached=2),
    Case("vary by a header that is not in the key", vary("Accept, X-Tenant"), reached=2),
    Case("vary by origin", vary("Origin"), reached=2),
    Case("vary that agrees", vary("Accept-Language"), (("Accept-Language", "ru"),), (("Accept-Language", "ru"),)),
    Case(
        "vary that differs",
        vary("Accept-Language"),
        (("Accept-Language", "ru"),),
        (("Accept-Language", "en"),),
        reached=2,
    ),
    Case("vary with the header missing once", vary("Accept-Language"), (), (("Accept-Language", "en"),), reached=2),
    Case("no vary: the header does not matter", (), (("Accept-Language", "ru"),), (("Accept-Language", "en"),)),
    Case("vary by another header", vary("Accept"), (("Accept-Language", "ru"),), (("Accept-Language", "en"),)),
    Case("vary by what the identity settles", vary("Authorization, Cookie"), second=(("Cookie", "a=1"),)),
    Case(
        "vary in two lines", (*vary("Accept"), *vary("Accept-Language")), second=(("Accept-Language", "x"),), reached=2
    ),
    # What callers ask.
    Case("no-cache asked", second=asks("no-cache"), reached=2, cache_status="gateway; fwd=request; stored; ttl=60"),
    Case("no-store asked", second=asks("no-store"), reached=2, cache_status="gateway; fwd=bypass"),
    Case("a range asked", second=(("Range", "bytes=0-1"),), reached=2, cache_status="gateway; fwd=bypass"),
    Case("max-age asked and met", second=asks("max-age=60")),
    Case("max-age asked and not met", second=asks("max-age=0"), pause=1.1, reached=2),
    Case("min-fresh asked and met", second=asks("min-fresh=50")),
    Case("min-fresh asked and not met", second=asks("min-fresh=61"), reached=2),
    Case("max-stale asked beyond the window", control("max-age=1"), second=asks("max-stale"), pause=1.1, reached=2),
    Case("only-if-cached, kept", second=asks("only-if-cached")),
    Case("only-if-cached, not kept", control("no-store"), second=asks("only-if-cached"), status=504),
    Case("a directive nobody knows", second=asks("turbo=7")),
    # Conditions.
    Case("the tag matches", ((b"etag", b'"1"'),), second=(("If-None-Match", '"1"'),), status=304),
    Case("the tag matches weakly", ((b"etag", b'W/"1"'),), second=(("If-None-Match", '"1"'),), status=304),
    Case("one tag of a list matches", ((b"etag", b'"1"'),), second=(("If-None-Match", '"0" , W/"1"'),), status=304),
    Case("any tag", ((b"etag", b'"1"'),), second=(("If-None-Match", "*"),), status=304),
    Case("another tag", ((b"etag", b'"1"'),), second=(("If-None-Match", '"2"'),)),
    Case("the date matches", ((b"last-modified", DATE.encode()),), second=(("If-Modified-Since", DATE),), status=304),
    Case(
        "the date is older",
        ((b"last-modified", DATE.encode()),),
        second=(("If-Modified-Since", "Sun, 22 Nov 2026 09:59:59 GMT"),),
    ),
    Case(
        "the tag goes before the date",
        ((b"etag", b'"1"'), (b"last-modified", DATE.encode())),
        second=(("If-None-Match", '"2"'), ("If-Modified-Since", DATE)),
    ),
]


@pytest.fixture(scope="module")
def caching(start_caching: Any) -> Any:
    return start_caching({"cache_seconds": CACHE_SECONDS})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_repeated_request(case: Case, caching: Any, fresh_echo: Any) -> None:
    fresh_echo.answers[INNER] = lambda: (200, list(case.answer), json.dumps(len(fresh_echo.seen)).encode())
    with caching.client("buyer") as client:
        for name in ("Accept", "Accept-Encoding", "User-Agent"):
            del client.headers[name]
        query = {"case": case.name}
        one = client.get(PATH, params=query, headers=dict(case.first))
        time.sleep(case.pause)
        two = client.get(PATH, params=query, headers=dict(case.second))
    assert (one.status_code, two.status_code) == (200, case.status)
    assert len(fresh_echo.seen) == case.reached
    if case.cache_status is not None:
        assert two.headers["cache-status"] == case.cache_status
    if case.status == 304:
        assert (two.content, "content-type" in two.headers) == (b"", False)
        assert two.headers["etag"] == one.headers["etag"]


@pytest.mark.parametrize(
    ("method", "path", "status", "forgets"),
    [
        ("POST", PATH, 201, True),
        ("POST", "/api/v1/data/purchase-orders", 200, True),
        ("POST", PATH, 422, False),
        ("POST", PATH, 503, True),
        ("GET", "/api/v1/data/sales", 200, False),
        ("DELETE", "/api/v1/storage/files/7", 204, False),
    ],
)
def test_a_write_that_may_have_been_done_is_seen_by_the_next_read(
    method: str, path: str, status: int, *, forgets: bool, caching: Any, fresh_echo: Any
) -> None:
    inner = "/v1/" + path.removeprefix("/api/v1/").partition("/")[2]
    with caching.client("manager") as client:
        query = {"write": f"{method}{path}{status}"}
        fresh_echo.answers[INNER] = lambda: (200, [], b"{}")
        client.get(PATH, params=query)
        fresh_echo.answers[inner] = lambda: (status, [], b"{}")
        assert client.request(method, path).status_code == status
        fresh_echo.answers[INNER] = lambda: (200, [], b"{}")
        outcome = client.get(PATH, params=query).headers["cache-status"].partition("; ttl")[0]
    assert outcome == ("gateway; fwd=miss; stored" if forgets else "gateway; hit")


def test_a_head_is_answered_by_what_is_kept_for_the_get(caching: Any, fresh_echo: Any) -> None:
    fresh_echo.answers[INNER] = lambda: (200, [], b'{"a": 1}')
    with caching.client("buyer") as client:
        before = client.head(PATH, params={"head": 1})
        whole = client.get(PATH, params={"head": 1})
        after = client.head(PATH, params={"head": 1})
    assert [record["method"] for record in fresh_echo.seen] == ["HEAD", "GET"]
    assert before.headers["cache-status"] == "gateway; fwd=miss"
    assert after.headers["cache-status"].startswith("gateway; hit")
    assert after.headers["content-length"] == str(len(whole.content))
    assert (after.content, after.headers["etag"]) == (b"", whole.headers["etag"])


def test_a_stale_answer_with_a_tag_of_the_service_is_only_asked_about(caching: Any, fresh_echo: Any) -> None:
    tag = (b"etag", b'"v1"')
    fresh_echo.answers[INNER] = lambda: (200, [tag, *control("max-age=1")], b'{"a": 1}')
    with caching.client("buyer") as client:
        first = client.get(PATH, params={"re": 1})
        fresh_echo.answers[INNER] = lambda: (304, [tag, *control("max-age=30")], b"")
        time.sleep(1.1)
        second = client.get(PATH, params={"re": 1})
        third = client.get(PATH, params={"re": 1})
    assert dict(fresh_echo.last()["headers"])["if-none-match"] == '"v1"'
    assert second.json() == third.json() == first.json()
    assert second.headers["cache-status"] == "gateway; fwd=stale; fwd-status=304; stored; ttl=30"
    assert third.headers["cache-status"] == "gateway; hit; ttl=30"


def test_headers_of_others_are_no_part_of_what_is_kept(caching: Any, fresh_echo: Any) -> None:
    """Whatever a caller sends that is not in the key cannot end up in the next caller's answer."""
    unkeyed = {"X-Forwarded-Host": "evil.example", "X-Original-URL": "/v1/users", "X-Host": "evil.example"}
    with caching.client("buyer") as client:
        client.get(PATH, params={"poison": 1}, headers=unkeyed)
        record = client.get(PATH, params={"poison": 1}).json()
    names = {name for name, _ in record["headers"]}
    assert names.isdisjoint({"x-forwarded-host", "x-original-url"})
    assert len(fresh_echo.seen) == 1
