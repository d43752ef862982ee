"""Tests 3 and 4: the lines of the head, the Host, the form of the target."""

from tests.attack.corpus.requests import READ, READ_LINE, family, get, message, read
from tests.attack.payload import Payload, spelled

_AUTH = b"{auth}"
_HOST = b"Host: {host}"
_LINE = b"GET " + READ + b" HTTP/1.1"

_SYNTAX = {
    "bare CR in a value": read(b"X-A: a\rb"),
    "bare CR ends a line": b"GET " + READ + b" HTTP/1.1\r\nHost: {host}\r{auth}\r\n\r\n",
    "NUL in a value": read(b"X-A: a\x00b"),
    "NUL in a name": read(b"X-\x00A: a"),
    "DEL in a name": read(b"X-\x7fA: a"),
    "control character in a value": read(b"X-A: a\x01b"),
    "NUL in the line": get(b"/api/v1/data/\x00sales"),
    "CR in the line": get(b"/api/v1/data/\rsales"),
    "version missing": b"GET " + READ + b"\r\nHost: {host}\r\n{auth}\r\n\r\n",
    "tabs in the line": message(b"GET\t" + READ + b"\tHTTP/1.1", _HOST, _AUTH),
    "HTTP/2.0": read(version=b"HTTP/2.0"),
    "HTTP/1.": read(version=b"HTTP/1."),
    "HTTP/9.9": read(version=b"HTTP/9.9"),
    "http/1.1": read(version=b"http/1.1"),
    "HTTPS/1.1": read(version=b"HTTPS/1.1"),
    "HTTP/1.1 with more": read(version=b"HTTP/1.1 x"),
    "ICE/1.0": read(version=b"ICE/1.0"),
    "RTSP/1.0": read(version=b"RTSP/1.0"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "TLS in the clear": bytes.fromhex("16030100c8010000c40303") + bytes(192),
    "SSH greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
    "garbage": bytes(range(128, 256)) + b"\r\n\r\n",
    "only a colon": message(_LINE, _HOST, _AUTH, b":"),
    "name missing": read(b": a"),
}
# nginx drops a header line it cannot read, and reads lines that end with a bare LF; what it passes on is clean.
_CLEANED_BY_A_FRONT = {
    "two spaces before the version": message(b"GET " + READ + b"  HTTP/1.1", _HOST, _AUTH),
    "two spaces before the target": message(b"GET  " + READ + b" HTTP/1.1", _HOST, _AUTH),
    "HTTP/1.2": read(version=b"HTTP/1.2"),
    "HTTP/1.10": read(version=b"HTTP/1.10"),
    "space in the target": get(b"/api/v1/data/sales /x"),
    "colon missing": read(b"X-A"),
    "folded header": read(b"X-A: a\r\n b"),
    "folded with tab": read(b"X-A: a\r\n\tb"),
    "folded credentials": message(_LINE, _HOST, b"Authorization: Bearer\r\n x", _AUTH),
    "space before the colon": read(b"X-A : a"),
    "space before the colon of Host": message(_LINE, b"Host : {host}", _AUTH),
    "space before the colon of the credentials": read(b"Authorization : Bearer x"),
    "space inside a name": read(b"X A: a"),
    "space before the first header": message(_LINE, b" Host: {host}", _AUTH),
    "space after the request line": b"GET " + READ + b" HTTP/1.1\r\n \r\nHost: {host}\r\n{auth}\r\n\r\n",
    "bare LF lines": b"GET " + READ + b" HTTP/1.1\nHost: {host}\n{auth}\n\n",
    "bare LF in the middle": read(b"X-A: a\nX-User-Id: forged"),
    "separators in a name": read(b"X(A): a"),
    "at sign in a name": read(b"X@A: a"),
    "non-ASCII in a name": read("X-Ё: a".encode()),
}

_HOSTS = {
    "no host": message(_LINE, _AUTH),
    "empty host": message(_LINE, b"Host:", _AUTH),
    "two hosts": read(b"Host: other"),
    "two equal hosts": read(_HOST),
    "host with a path": message(_LINE, b"Host: a/public?", _AUTH),
    "host with a user": message(_LINE, b"Host: x@evil", _AUTH),
    "host with a space": message(_LINE, b"Host: a b", _AUTH),
    "host with a tab": message(_LINE, b"Host: a\tb", _AUTH),
    "host in a list": message(_LINE, b"Host: a, b", _AUTH),
    "host with a fragment": message(_LINE, b"Host: a#b", _AUTH),
    "host with a backslash": message(_LINE, b"Host: a\\b", _AUTH),
    "host with a percent": message(_LINE, b"Host: a%2fb", _AUTH),
    "host with a quote": message(_LINE, b"Host: a'b", _AUTH),
    "host with a bad port": message(_LINE, b"Host: a:b", _AUTH),
    "host with two ports": message(_LINE, b"Host: a:1:2", _AUTH),
    "host with a long port": message(_LINE, b"Host: a:999999", _AUTH),
    "host with an open bracket": message(_LINE, b"Host: [::1", _AUTH),
    "host of 300 characters": message(_LINE, b"Host: " + b"a" * 300, _AUTH),
    "host with dots first": message(_LINE, b"Host: .a", _AUTH),
    "host is a URL": message(_LINE, b"Host: http://a", _AUTH),
    "host in non-ASCII": message(_LINE, "Host: ё".encode(), _AUTH),
}
_TARGETS = {
    "absolute target": get(b"http://{host}" + READ),
    "absolute target, other host": get(b"http://169.254.169.254/latest/meta-data/"),
    "absolute target, other case": get(b"HTTP://{host}" + READ),
    "absolute target with a user": get(b"http://x@{host}" + READ),
    "absolute target with https": get(b"https://{host}" + READ),
    "absolute target, file": get(b"file:///etc/passwd"),
    "absolute target, no path": get(b"http://{host}"),
    "absolute target and traversal": get(b"http://{host}/docs/.." + READ),
    "target without slash": get(b"api/v1/data/sales"),
    "target is a star": get(b"*"),
    "target is a host": get(b"{host}"),
    "target is a query": get(b"?" + READ),
    "target with a fragment": get(READ + b"#x"),
    "target that is a fragment": get(b"#" + READ),
}


def payloads() -> list[Payload]:
    lines = family("heads", 3, _SYNTAX, closes=True, refused=frozenset({400, 405, 505}), canary=True)
    lines += family(
        "heads", 3, _CLEANED_BY_A_FRONT, refused=frozenset({400, 505}), closes=True, front_accepts=True, canary=True
    )
    hosts = family("hosts", 4, _HOSTS, refused=frozenset({400, 404, 421}), closes=True)
    targets = family("hosts", 4, _TARGETS, refused=frozenset({400, 404}), front_accepts=True)
    leading = Payload("empty lines before the request", "heads", 3, b"\r\n\r\n" + read(), reaches=READ_LINE)
    return [*lines, *spelled(hosts), *targets, leading]
