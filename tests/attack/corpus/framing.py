"""Test 1: where a message ends. Whoever could read it two ways is told 400 and the connection is over."""

from tests.attack.corpus.requests import (
    READ,
    READ_LINE,
    WRITE_LINE,
    chunked,
    family,
    get,
    message,
    post,
    smuggled,
)
from tests.attack.payload import Payload, spelled

_CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"

_TWO_READINGS = {
    "length and chunked": post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + smuggled()),
    "chunked and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n" + smuggled()),
    "chunked and length of all": post(b"Transfer-Encoding: chunked", b"Content-Length: 12", body=_CHUNKS),
    "chunked and length 0": post(b"Transfer-Encoding: chunked", b"Content-Length: 0", body=_CHUNKS),
    "two equal lengths": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "two different lengths": post(b"Content-Length: 2", b"Content-Length: 40", body=b"{}" + smuggled()),
    "lengths in a list": post(b"Content-Length: 2, 2", body=b"{}"),
    "different lengths in a list": post(b"Content-Length: 2, 40", body=b"{}" + smuggled()),
    "positive length": post(b"Content-Length: +2", body=b"{}"),
    "negative length": post(b"Content-Length: -2", body=b"{}"),
    "negative zero": post(b"Content-Length: -0"),
    "hexadecimal length": post(b"Content-Length: 0x2", body=b"{}"),
    "octal length": post(b"Content-Length: 0o2", body=b"{}"),
    "exponent length": post(b"Content-Length: 2e0", body=b"{}"),
    "length with a point": post(b"Content-Length: 2.0", body=b"{}"),
    "length with underscore": post(b"Content-Length: 0_2", body=b"{}"),
    "length with space": post(b"Content-Length: 2 2", body=b"{}"),
    "length with vertical tab": post(b"Content-Length: \x0b2", body=b"{}"),
    "length in Arabic digits": post("Content-Length: ٢".encode(), body=b"{}"),
    "length in quotes": post(b'Content-Length: "2"', body=b"{}"),
    "length with semicolon": post(b"Content-Length: 2;", body=b"{}"),
    "empty length": post(b"Content-Length:", body=b"{}"),
    "length with a word": post(b"Content-Length: two", body=b"{}"),
    "length of 23 digits": post(b"Content-Length: 99999999999999999999999", body=b"{}"),
    "length of 2^64": post(b"Content-Length: 18446744073709551616", body=b"{}"),
    "length of 2^64 + 2": post(b"Content-Length: 18446744073709551618", body=b"{}"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=_CHUNKS),
    "chunked, gzip": post(b"Transfer-Encoding: chunked, gzip", body=_CHUNKS),
    "chunked, chunked": post(b"Transfer-Encoding: chunked, chunked", body=_CHUNKS),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity", body=_CHUNKS),
    "identity, chunked": post(b"Transfer-Encoding: identity, chunked", body=_CHUNKS),
    "identity coding": post(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"{}"),
    "identity coding without length": post(b"Transfer-Encoding: identity", body=b"{}"),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=_CHUNKS),
    "chunkedx": post(b"Transfer-Encoding: chunkedx", body=_CHUNKS),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=_CHUNKS),
    "chunked with a parameter": post(b"Transfer-Encoding: chunked;q=1", body=_CHUNKS),
    "chunked with vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=_CHUNKS),
    "chunked with a comma": post(b"Transfer-Encoding: ,chunked", body=_CHUNKS),
    "empty coding": post(b"Transfer-Encoding:", body=_CHUNKS),
    "empty coding with length": post(b"Transfer-Encoding:", b"Content-Length: 2", body=b"{}"),
    "two codings": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=_CHUNKS),
    "two chunked": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=_CHUNKS),
    "coding on the next line": post(b"Transfer-Encoding:\r\n chunked", body=_CHUNKS),
    "space before the colon of the coding": post(b"Transfer-Encoding : chunked", body=_CHUNKS),
    "space before the colon of the length": post(b"Content-Length : 2", body=b"{}"),
    "tab before the colon of the coding": post(b"Transfer-Encoding\t: chunked", body=_CHUNKS),
    "tab inside the name of the coding": post(b"Transfer-\tEncoding: chunked", body=_CHUNKS),
    "space before the coding": post(b" Transfer-Encoding: chunked", body=_CHUNKS),
    "bare CR before the coding": post(b"X-A: a\rTransfer-Encoding: chunked", body=_CHUNKS),
    "bare LF before the coding": post(b"X-A: a\nTransfer-Encoding : chunked", body=_CHUNKS),
    "NUL in the coding": post(b"Transfer-Encoding: chun\x00ked", body=_CHUNKS),
    "coding hidden by a length in a GET": get(
        READ, b"Transfer-Encoding: chunked", b"Content-Length: 5"
    ) + b"0\r\n\r\n" + smuggled(),
    "chunked with HTTP/1.0": post(b"Transfer-Encoding: chunked", body=_CHUNKS, version=b"HTTP/1.0"),
}  # fmt: skip

# What nginx makes well-formed before it passes it on, or drops.
_CLEANED_BY_A_FRONT = {
    "empty coding with length", "space before the colon of the length", "space before the coding", "two chunked",
    "coding on the next line", "tab inside the name of the coding", "tab before the colon of the coding",
    "space before the colon of the coding", "bare LF before the coding", "bare CR before the coding",
    "empty coding", "identity coding", "identity coding without length", "negative zero",
}  # fmt: skip

# Another reader may take these headers for framing; for us they are not, and they never get further.
_ALIASES = {
    "Content_Length": post(b"Content_Length: 40", b"Content-Length: 2", body=b"{}"),
    "Transfer_Encoding": post(b"Transfer_Encoding: chunked", b"Content-Length: 2", body=b"{}"),
    "Transfer.Encoding": post(b"Transfer.Encoding: chunked", b"Content-Length: 2", body=b"{}"),
    "Content.Length": post(b"Content.Length: 40", b"Content-Length: 2", body=b"{}"),
    "upper case coding": post(b"Transfer-Encoding: CHUNKED", body=_CHUNKS),
    "length with leading zeros": post(b"Content-Length: 0002", body=b"{}"),
    "length listed in Connection": post(b"Connection: content-length", b"Content-Length: 2", body=b"{}"),
    "coding listed in Connection": post(b"Connection: transfer-encoding", b"Transfer-Encoding: chunked", body=_CHUNKS),
}

_PIPELINED = {
    "two requests in one packet": (get(READ) + get(READ), 2),
    "a stranger's behind mine": (get(READ) + message(b"GET " + READ + b" HTTP/1.1", b"Host: {host}"), 2),
    "ten in one packet": (get(READ) * 10, 10),
    "a body and the next request in one packet": (post(b"Content-Length: 2", body=b"{}") + get(READ), 2),
    "chunks and the next request in one packet": (chunked(_CHUNKS) + get(READ), 2),
    "a GET with a body and the next request": (
        get(READ, b"Content-Length: 2") + b"{}" + get(READ),
        2,
    ),
}


def payloads() -> list[Payload]:
    refused = [
        Payload(name, "framing", 1, data, closes=True, canary=True, front_accepts=name in _CLEANED_BY_A_FRONT)
        for name, data in _TWO_READINGS.items()
    ]
    aliases = family("framing", 1, _ALIASES, refused=frozenset({400, 431}), reaches=WRITE_LINE, canary=True)
    pipelined = [
        Payload(
            name, "framing", 1, data, frozenset({400, 401}), READ_LINE | WRITE_LINE, answers=answers
        )
        for name, (data, answers) in _PIPELINED.items()
    ]  # fmt: skip
    return [*spelled(refused), *aliases, *pipelined, *_split()]


def _split() -> list[Payload]:
    """One good and one bad request, cut at every byte of them."""
    good = post(b"Content-Length: 2", body=b"{}")
    bad = post(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=_CHUNKS)
    cuts = [
        Payload(f"cut at byte {at}", "framing", 1, good, frozenset(), WRITE_LINE, pieces=(at,), pause=0.01)
        for at in range(1, len(good), 3)
    ]
    cuts += [
        Payload(f"unclear and cut at byte {at}", "framing", 1, bad, closes=True, pieces=(at,), pause=0.01)
        for at in range(1, len(bad) - 4, 5)
    ]
    every = tuple(range(1, len(good)))
    return [
        *cuts,
        Payload("one byte at a time", "framing", 1, good, frozenset(), WRITE_LINE, pieces=every, pause=0.002),
    ]
