"""Tests 6 and 7: too large, too many, too long. Refused early; the others notice nothing."""

import gzip

from tests.attack.corpus.requests import READ, family, get, post, read
from tests.attack.payload import Payload

_LARGE = {
    "header of 100 KB": read(b"X-A: " + b"a" * 100_000),
    "header name of 100 KB": read(b"X-" + b"A" * 100_000 + b": a"),
    "2,000 headers": read(*(b"X-A%d: a" % number for number in range(2000))),
    "2,000 equal headers": read(*[b"X-A: a"] * 2000),
    "20,000 empty headers": read(*[b"X:"] * 20_000),
    "header of 10 MB": read(b"X-A: " + b"a" * 10_000_000),
    "Accept of 100 KB": read(b"Accept: " + b"a/b," * 25_000),
    "cookie of 100 KB": read(b"Cookie: " + b"a=b;" * 25_000),
    "Connection of 100 KB": read(b"Connection: " + b"a," * 50_000),
    "If-None-Match of 100 KB": read(b"If-None-Match: " + b'"a",' * 25_000),
    "Range of 10,000 parts": read(b"Range: bytes=" + b"0-1," * 10_000),
    "query of 100 KB": get(READ + b"?" + b"a" * 100_000),
    "path of 100 KB": get(b"/api/v1/data/products/" + b"a" * 100_000),
    "path of 100 KB in escapes": get(b"/api/v1/data/products/" + b"%61" * 33_000),
    "path of 10,000 segments": get(b"/a" * 10_000),
    "10,000 parameters": get(READ + b"?" + b"a=1&" * 10_000),
    "method of 1 MB": b"G" * 1_000_000 + b" / HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n\r\n",
    "version of 1 MB": read(version=b"HTTP/1.1" + b"1" * 1_000_000),
    "host of 100 KB": b"GET " + READ + b" HTTP/1.1\r\nHost: " + b"a" * 100_000 + b"\r\n{auth}\r\n\r\n",
    "a line without end of 1 MB": b"GET /" + b"a" * 1_000_000,
}
# Between two requests a front skips them; it holds none of them.
_EMPTY = {"1 MB of empty lines": b"\r\n" * 500_000 + read()}
_MANY = {
    "chunk extension of 1 MB": post(
        b"Transfer-Encoding: chunked", body=b"2;" + b"a" * 1_000_000 + b"\r\n{}\r\n0\r\n\r\n"
    ),
    "10,000 trailers": post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n" + b"X-A: a\r\n" * 10_000 + b"\r\n"),
    "trailer of 1 MB": post(
        b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\nX-A: " + b"a" * 1_000_000 + b"\r\n\r\n"
    ),
}
_OVER = 1_100_000  # an ordinary route takes 1 MB
_BODIES = {
    "length over the limit": post(b"Content-Length: %d" % _OVER, body=b" " * _OVER),
    "chunks over the limit": post(
        b"Transfer-Encoding: chunked", body=b"%x\r\n" % 100_000 + b"" .join([b" " * 100_000 + b"\r\n186a0\r\n"] * 11) + b" " * 100_000
    ),
    "length of 1 TB, nothing sent": post(b"Content-Length: 1099511627776"),
    "length over the limit, expecting to be asked": post(b"Content-Length: %d" % _OVER, b"Expect: 100-continue"),
}  # fmt: skip
_EXPECT = {
    "Expect: something": post(b"Content-Length: 2", b"Expect: something", body=b"{}"),
    "Expect: 100-continue, body sent": post(b"Content-Length: 2", b"Expect: 100-continue", body=b"{}"),
}


def payloads() -> list[Payload]:
    refused = frozenset({400, 413, 414, 431})
    large = family("limits", 6, _LARGE, refused=refused, closes=True, seconds=15)
    large += family("limits", 6, _EMPTY, refused=refused, closes=True, front_accepts=True)
    many = family(
        "limits", 6, _MANY, refused=refused, reaches=frozenset({"POST /v1/purchase-orders"}), cut=True, seconds=15
    )
    bodies = family("limits", 7, _BODIES, refused=frozenset({413}), cut=True, closes=True, seconds=15)
    waiting = {"one chunk of 1 TB, nothing sent": post(b"Transfer-Encoding: chunked", body=b"10000000000\r\n")}
    bodies += family("limits", 7, waiting, refused=frozenset({413}), cut=True, silent=True, seconds=1)
    expect = family("limits", 7, _EXPECT, refused=frozenset({417}), reaches=frozenset({"POST /v1/purchase-orders"}))
    bomb = gzip.compress(bytes(50_000_000))
    headers = (b"Content-Length: %d" % len(bomb), b"Content-Encoding: gzip", b"Content-Type: application/json")
    bombs = {"50 MB of nothing as 49 KB": post(*headers, body=bomb)}
    reaches = frozenset({"POST /v1/purchase-orders"})
    return [
        *large,
        *many,
        *bodies,
        *expect,
        *family("limits", 7, bombs, refused=frozenset({400, 413, 415, 422}), reaches=reaches),
    ]
