"""Test 2: the chunks of a body. A broken one is a 400, and what came before it is never taken for a whole body."""

from tests.attack.corpus.requests import WRITE_LINE, chunked, family, post, smuggled
from tests.attack.payload import Payload

_BROKEN = {
    "size 0x2": b"0x2\r\n{}\r\n0\r\n\r\n",
    "size +2": b"+2\r\n{}\r\n0\r\n\r\n",
    "size -2": b"-2\r\n{}\r\n0\r\n\r\n",
    "size -0": b"2\r\n{}\r\n-0\r\n\r\n",
    "size 2_": b"2_\r\n{}\r\n0\r\n\r\n",
    "size empty": b"\r\n{}\r\n0\r\n\r\n",
    "size in letters": b"zz\r\n{}\r\n0\r\n\r\n",
    "size with a space before": b" 2\r\n{}\r\n0\r\n\r\n",
    "size in quotes": b'"2"\r\n{}\r\n0\r\n\r\n',
    "size of 17 digits": b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "size of 2^64 + 2": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "size with NUL": b"2\x00\r\n{}\r\n0\r\n\r\n",
    "size line ends with LF": b"2\n{}\r\n0\r\n\r\n",
    "size line ends with CR": b"2\r{}\r\n0\r\n\r\n",
    "data ends with LF": b"2\r\n{}\n0\r\n\r\n",
    "data ends with nothing": b"2\r\n{}0\r\n\r\n",
    "data ends with other bytes": b"2\r\n{}XX0\r\n\r\n",
    "all lines end with LF": b"2\n{}\n0\n\n",
    "last line ends with LF": b"2\r\n{}\r\n0\n\n",
    "extension ends with LF": b"2;a\n{}\r\n0\r\n\r\n",
    "extension hides a chunk": b"2;a\nxx\r\n4c\r\n0\r\n\r\n" + smuggled(),
    "extension with bare CR": b"2;a\rb\r\n{}\r\n0\r\n\r\n",
    "extension with NUL": b"2;a=\x00\r\n{}\r\n0\r\n\r\n",
    "more data than said": b"2\r\n{}{}\r\n0\r\n\r\n",
    "less data than said": b"5\r\n{}\r\n0\r\n\r\n",
    "second size broken": b"2\r\n{}\r\nzz\r\n\r\n",
    "a request instead of a size": b"2\r\n{}\r\n" + smuggled(),
    "trailer without colon": b"2\r\n{}\r\n0\r\nX-A\r\n\r\n",
    "trailer with bare LF": b"2\r\n{}\r\n0\r\nX-A: a\n\r\n",
    "trailer with NUL": b"2\r\n{}\r\n0\r\nX-A: \x00\r\n\r\n",
    "trailer folded": b"2\r\n{}\r\n0\r\nX-A: a\r\n b\r\n\r\n",
}
_CLEANED_BY_A_FRONT = {
    "size line ends with LF", "data ends with LF", "all lines end with LF", "last line ends with LF", "extension ends with LF",
    "extension with bare CR", "extension with NUL", "trailer without colon", "trailer with bare LF", "trailer with NUL", "trailer folded",
    "size with a space before", "size with NUL", "extension hides a chunk",
}  # fmt: skip
_CUT = {
    "length longer than the body": post(b"Content-Length: 1000", body=b"{}"),
    "no last chunk": chunked(b"2\r\n{}\r\n"),
    "chunk broken off": chunked(b"10\r\n{}"),
    "size broken off": chunked(b"2\r\n{}\r\n0"),
    "last line missing": chunked(b"2\r\n{}\r\n0\r\n"),
    "trailer broken off": chunked(b"2\r\n{}\r\n0\r\nX-A: b"),
}
_WHOLE = {
    "extension": chunked(b"2;a=b\r\n{}\r\n0\r\n\r\n"),
    "size with zeros before": chunked(b"0002\r\n{}\r\n000\r\n\r\n"),
    "size in capitals": chunked(b"A\r\n{}        \r\n0\r\n\r\n"),
    "identity in the trailer": chunked(b"2\r\n{}\r\n0\r\nX-Identity-Token: forged\r\nX-User-Id: forged\r\n\r\n"),
    "length in the trailer": chunked(b"2\r\n{}\r\n0\r\nContent-Length: 500\r\n\r\n"),
    "credentials in the trailer": chunked(b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nHost: other\r\n\r\n"),
}


def payloads() -> list[Payload]:
    broken = [
        Payload(name, "chunks", 2, chunked(body), cut=True, closes=True, front_accepts=name in _CLEANED_BY_A_FRONT)
        for name, body in _BROKEN.items()
    ]
    # The sender goes away in the middle: there may be no answer at all.
    cut = family("chunks", 2, _CUT, refused=frozenset({400, 408}), cut=True, silent=True, seconds=0.7)
    whole = family("chunks", 2, _WHOLE, refused=frozenset({400, 431}), reaches=WRITE_LINE, canary=True)
    return [*broken, *cut, *whole]
