"""What may be kept, for whom, and how long."""

import pytest

from gateway.proxy.domain.caching import cache_key, directives, etag_of, is_unchanged, seconds_to_keep

PLAIN = [(b"content-type", b"application/json")]


def test_every_part_of_the_key_counts() -> None:
    base = ("user|1|s|buyer|", b"/a?b", (b"x", None))
    keys = {
        cache_key(*base),
        cache_key("user|2|s|buyer|", *base[1:]),
        cache_key("user|1|s|admin|", *base[1:]),
        cache_key(base[0], b"/a?c", base[2]),
        cache_key(base[0], base[1], (b"y", None)),
        cache_key(base[0], base[1], (None, b"x")),
        cache_key(base[0], base[1], (b"x", b"")),
        cache_key(base[0], b"/a?b\n+1:x", (None,)),
    }
    assert len(keys) == 8


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        (b"", 5),
        (b"max-age=60", 5),
        (b"max-age=2", 2),
        (b"max-age=60, s-maxage=1", 1),
        (b"max-age=0", 0),
        (b"Max-Age=2", 2),
        (b"no-store", 0),
        (b"private", 0),
        (b"no-cache", 0),
        (b'private="x", max-age=60', 0),
        (b"max-age=abc", 0),
        (b"public", 5),
    ],
)
def test_what_the_service_says_about_keeping_is_obeyed(control: bytes, seconds: int) -> None:
    headers = [*PLAIN, (b"cache-control", control)] if control else PLAIN
    assert seconds_to_keep(200, headers, 5, 10, 100) == seconds


@pytest.mark.parametrize(
    "header", [(b"set-cookie", b"a"), (b"vary", b"*"), (b"vary", b"accept, origin"), (b"content-range", b"x")]
)
def test_some_answers_are_never_kept(header: tuple[bytes, bytes]) -> None:
    assert seconds_to_keep(200, [*PLAIN, header], 5, 10, 100) == 0


def test_only_small_200s_are_kept() -> None:
    assert seconds_to_keep(200, [*PLAIN, (b"vary", b"Accept, Accept-Encoding")], 5, 100, 100) == 5
    assert seconds_to_keep(200, PLAIN, 5, 101, 100) == 0
    assert seconds_to_keep(203, PLAIN, 5, 10, 100) == 0


def test_validators_are_compared_weakly() -> None:
    assert etag_of([(b"etag", b'W/"1"')], b"") == b'W/"1"'
    assert etag_of([], b"a") != etag_of([], b"b")
    assert is_unchanged(b'"0", "1"', b'W/"1"')
    assert is_unchanged(b" * ", b'"1"')
    assert not is_unchanged(b'"10"', b'"1"')
    assert not is_unchanged(None, b'"1"')


def test_directives_are_read_with_and_without_values() -> None:
    assert directives(b'no-cache="a", MAX-AGE=3 ,x') == {b"no-cache": b"a", b"max-age": b"3", b"x": b""}
    assert directives(None) == {}
