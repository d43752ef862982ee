"""Plain requests of known callers take a quick way; nobody may be able to tell it from the long one."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

SALES = "/api/v1/data/sales"
WARM = f"{SALES}?case=plain"
MIB = 1024 * 1024
TRACE = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def answer(status: str, *headers: str, body: bytes = b"", length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"content-length: {len(body)}"] if length else [])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"


ANSWERS = {
    "plain": answer("200 OK", "content-type: application/json", body=b"{}"),
    "empty": answer("200 OK"),
    "one byte": answer("200 OK", body=b"x"),
    "100 KB": answer("200 OK", body=b"y" * 100_000),
    "20 MB": answer("200 OK", body=b"z" * 20 * MIB),
    "20 MB in chunks": chunked(*([b"c" * 256 * 1024] * 80)),
    "in chunks": chunked(b"abc", b"de"),
    "in chunks with a trailer": chunked(b"abc", trailer=b"x-trailer: 1\r\n"),
    "no chunk at all": chunked(),
    "until close": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil close",
    "last on its connection": answer("200 OK", "connection: close", body=b"bye"),
    "cacheable": answer("200 OK", "cache-control: max-age=5", 'etag: "a"', body=b"kept"),
    "created": answer("201 Created", "location: /v1/sales/7", body=b"{}"),
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "see other": answer("303 See Other", "location: /v1/sales/8", body=b""),
    "elsewhere": answer("302 Found", "location: https://example.com/v1/x", body=b""),
    "200 with a location": answer("200 OK", "location: /v1/sales/9", body=b""),
    "not modified": b'HTTP/1.1 304 Not Modified\r\netag: "b"\r\ncontent-length: 20\r\n\r\n',
    "not found": answer("404 Not Found", "content-type: application/problem+json", body=b'{"code":"x"}'),
    "failure": answer("500 Internal Server Error", body=b"oops"),
    "overloaded": answer("503 Service Unavailable", "retry-after: 7", body=b"later"),
    "unusual": answer("299 Odd", body=b"odd"),
    "last there is": answer("599 Last", body=b"last"),
    "without a reason": answer("200", body=b"ok"),
    "inside only": answer("200 OK", "set-cookie: a=1", "server: s", "x-powered-by: p", "x-identity-token: t"),
    "listed": answer("200 OK", "connection: x-inner, keep-alive", "x-inner: 1", "x-outer: 2"),
    "twice the same": answer("200 OK", "vary: accept", "vary: accept-language", "x-a: 1", "x-a: 1", body=b"."),
    "preceded": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + answer("200 OK", body=b"then"),
}
BROKEN = {
    "no such status": answer("999 Beyond", body=b"x"),
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
}


class Service:
    """Answers what the query asks for, byte for byte, and remembers the heads that came."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            self.heads.append(head)
            case = head.split(b" ")[1].rpartition(b"case=")[2].decode().replace("+", " ")
            data = {**ANSWERS, **BROKEN}.get(case, ANSWERS["plain"])
            writer.write(data)
            await writer.drain()
            if b"connection: close" in data:
                break
        writer.close()

    def last(self) -> tuple[bytes, list[tuple[str, object]]]:
        """Line and headers of the last request, without what is different every time."""
        line, *lines = self.heads[-1].rstrip(b"\r\n").split(b"\r\n")
        headers = [comparable(*one.decode("latin-1").split(": ", 1)) for one in lines]
        return line, sorted(headers, key=lambda header: header[0])


def comparable(name: str, value: str) -> tuple[str, object]:
    if name == "x-identity-token":
        payload = value.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return name, {key: claim for key, claim in claims.items() if key not in {"iat", "exp", "jti", "nbf"}}
    if name == "traceparent":
        version, trace, _, flags = value.split("-")
        return name, (version, trace if trace == TRACE.split("-")[1] else "new", flags)
    return name, ("new" if name == "x-request-id" and len(value) == 32 else value)


def told(given: Any) -> tuple[int, list[tuple[str, str]], object]:
    """What a caller gets, without ids, dates, counts and framing."""
    left_out = {"x-request-id", "date", "ratelimit", "content-length", "transfer-encoding"}
    headers = sorted(header for header in given.headers if header[0] not in left_out)
    body: object = given.body
    if ("content-type", "application/problem+json") in given.headers:
        document = json.loads(given.body)
        body = {key: value for key, value in document.items() if key not in {"request_id", "trace_id"}}
    return given.status, headers, body


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def quick_gateway(service: Service, gateway_to: Any, raw_upstream: Any) -> Any:
    return gateway_to(raw_upstream(service))


class Both:
    """The same bytes sent the quick way and, in two pieces, the long way."""

    def __init__(self, gateway: Any, service: Service, wire: Callable[..., Any], passages: list[bytes]) -> None:
        self.gateway, self.service, self.wire, self.passages = gateway, service, wire, passages

    def quick(self, target: str, *headers: str, role: str | None = "buyer", is_quick: bool = True) -> Any:
        warm, connection = self.wire(self.gateway), self.wire(self.gateway, role)
        for _ in range(2):
            assert warm.ask(WARM).status == 200  # the session is known, and a connection to the service kept
        self.passages.clear()
        given = connection.ask(target, *headers)
        assert len(self.passages) == (0 if is_quick else 1)
        return given

    def long(self, target: str, *headers: str, role: str | None = "buyer") -> Any:
        connection = self.wire(self.gateway, role)
        request = connection.request(target, *headers)
        self.passages.clear()
        connection.send(request[:20])
        time.sleep(0.02)
        connection.send(request[20:])
        given = connection.answer()
        assert len(self.passages) == 1
        return given


@pytest.fixture
def both(quick_gateway: Any, service: Service, wire: Any, passages: list[bytes]) -> Both:
    return Both(quick_gateway, service, wire, passages)


def test_every_answer_is_the_same_on_both_ways(both: Both) -> None:
    for name in ANSWERS:
        target = f"{SALES}?case={name.replace(' ', '+')}"
        quick, long = both.quick(target), both.long(target)
        assert told(quick) == told(long), name
        lengths = [given.values("content-length") for given in (quick, long)]
        assert lengths[0] == lengths[1] or [] in lengths, name


def test_an_answer_that_is_none_is_a_502_on_both_ways(both: Both) -> None:
    for name in BROKEN:
        target = f"{SALES}?case={name.replace(' ', '+')}"
        quick, long = both.quick(target, is_quick=False), both.long(target)
        assert told(quick) == told(long), name
        assert (quick.status, json.loads(quick.body)["code"]) == (502, "upstream_broken")


REQUESTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "plain": (SALES, ()),
    "query": (f"{SALES}?limit=5&q=a+b%20c", ()),
    "empty query": (f"{SALES}?", ()),
    "percent-encoding": ("/api/v1/data/%73ales?x=%73", ()),
    "a name that stays encoded": ("/api/v1/data/imports/SKU-1%20%d0%90", ()),
    "an id": (SALES, ("X-Request-Id: abc-1",)),
    "a malformed id": (SALES, ("X-Request-Id: a b",)),
    "two ids": (SALES, ("X-Request-Id: a", "X-Request-Id: b")),
    "a trace": (SALES, (TRACE, "tracestate: a=1")),
    "a malformed trace": (SALES, ("traceparent: 00-zz",)),
    "accept": (SALES, ("Accept: text/csv", "Accept: application/json", "Accept-Language: ru", "Accept-Encoding: gzip")),
    "conditions": (SALES, ('If-None-Match: "a", W/"b"', "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT")),
    "a range": (SALES, ("Range: bytes=0-1", 'If-Range: "a"')),
    "forged identities": (SALES, ("X-User-Id: 1", "X_User_Id: 2", "X.Identity.Token: 3", "X-Identity-Token: 4")),
    "an address": (SALES, ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4")),
    "kept alive": (SALES, ("Connection: keep-alive", "Keep-Alive: 5")),
    "odd spacing": (SALES, ("Accept:text/csv  ", "User-Agent:   x")),
    "an empty value": (SALES, ("Accept:",)),
}


def test_every_request_arrives_the_same_on_both_ways(both: Both) -> None:
    for name, (target, headers) in REQUESTS.items():
        quick = both.quick(target, *headers)
        quick_seen = both.service.last()
        long = both.long(target, *headers)
        assert told(quick) == told(long), name
        assert quick_seen == both.service.last(), name
        if name == "an id":
            assert quick.values("x-request-id") == long.values("x-request-id") == ["abc-1"]


REFUSED: dict[str, tuple[str, tuple[str, ...], str | None, int]] = {
    "unknown route": ("/api/v1/data/nothing", (), "buyer", 404),
    "unknown prefix": ("/nothing", (), "buyer", 404),
    "wrong role": ("/api/v1/data/demand", (), "buyer", 403),
    "no token": (SALES, (), None, 401),
    "bad token": (SALES, ("Authorization: Bearer x.y.z",), None, 401),
    "two tokens": (SALES, ("Authorization: Bearer a", "Authorization: Bearer b"), None, 400),
    "no such segment": ("/api/v1/data/../data/sales", (), "buyer", 400),
    "parameters": ("/api/v1/data/sales;x=1", (), "buyer", 400),
    "encoded slash": ("/api/v1/data%2fsales", (), "buyer", 400),
    "two hosts": (SALES, ("Host: b",), "buyer", 400),
    "method override": (SALES, ("X-Http-Method-Override: DELETE",), "buyer", 405),
}


def test_refusals_are_the_same_on_both_ways(both: Both) -> None:
    for name, (target, headers, role, status) in REFUSED.items():
        quick = both.quick(target, *headers, role=role, is_quick=False)
        seen = len(both.service.heads)
        long = both.long(target, *headers, role=role)
        assert told(quick) == told(long), name
        assert (quick.status, len(both.service.heads)) == (status, seen), name


MALFORMED = (
    b"GET  /api/v1/data/sales HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/v1/data/sales  HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/v1/data/sales RTSP/1.0\r\nHost: a\r\n\r\n",
    b"GET /api/v1/data/sales#x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/v1/data/sales?a#x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/api/v1/data/sales HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/v1/data/sales HTTP/1.1\r\nHost: a\nX-Lf: b\r\n\r\n",
    b"GET /api/v1/data/sales HTTP/1.1\r\nHost: a\rX-Cr: b\r\n\r\n",
    b"GET /api/v1/data/sales HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    b"GET /api/v1/data/sales HTTP/1.1\r\nHost : a\r\n\r\n",
)


def test_malformed_heads_are_refused_also_when_everything_else_is_known(both: Both) -> None:
    token = f"Authorization: Bearer {both.gateway.token('buyer')}\r\n\r\n".encode()
    both.quick(SALES)
    seen = len(both.service.heads)
    for head in MALFORMED:
        request = head[:-2] + token
        for payload in (request, request * 2):
            connection = both.wire(both.gateway)
            connection.send(payload)
            given = connection.answer()
            assert (given.status, given.values("connection")) == (400, ["close"]), head
            assert connection.rest() == b""
    assert len(both.service.heads) == seen


def test_a_kept_connection_takes_the_quick_way_again_and_again(both: Both) -> None:
    connection = both.wire(both.gateway)
    connection.ask(WARM)
    both.passages.clear()
    assert [connection.ask(f"{SALES}?n={number}").status for number in range(50)] == [200] * 50
    assert both.passages == []
