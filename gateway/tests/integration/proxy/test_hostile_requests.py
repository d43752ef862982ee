"""Requests made to slip through: nothing reaches a service, nothing is a failure of ours."""

import json
import re
import socket
import time
from typing import Any

import jwt
import pytest

HOST = b"Host: gateway\r\n"


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return line + b"\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def post(*headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return request(b"POST /api/v1/data/purchase-orders " + version, b"Host: gateway", b"{auth}", *headers, body=body)


def get(target: bytes, *headers: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return request(b"GET " + target + b" " + version, b"Host: gateway", b"{auth}", *headers)


# Refused whoever sends them. `{auth}` stands for the credentials of a buyer, who may call these routes.
MALFORMED = {
    "length and chunked": post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n"),
    "two equal lengths": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "two different lengths": post(b"Content-Length: 2", b"Content-Length: 4", body=b"{}{}"),
    "lengths in a list": post(b"Content-Length: 2, 2", body=b"{}"),
    "positive length": post(b"Content-Length: +2", body=b"{}"),
    "negative length": post(b"Content-Length: -2", body=b"{}"),
    "hexadecimal length": post(b"Content-Length: 0x2", body=b"{}"),
    "length with space": post(b"Content-Length: 2 2", body=b"{}"),
    "huge length": post(b"Content-Length: 99999999999999999999999", body=b"{}"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked, gzip": post(b"Transfer-Encoding: chunked, gzip", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "identity coding": post(b"Transfer-Encoding: identity", body=b"{}"),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "two codings": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked with HTTP/1.0": post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n", version=b"HTTP/1.0"),
    "space before colon of coding": post(b"Transfer-Encoding : chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "tab in coding name": post(b"Transfer-\tEncoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunk size 0x2": post(b"Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk size +2": post(b"Transfer-Encoding: chunked", body=b"+2\r\n{}\r\n0\r\n\r\n"),
    "chunk size -2": post(b"Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"),
    "chunk size empty": post(b"Transfer-Encoding: chunked", body=b"\r\n{}\r\n0\r\n\r\n"),
    "chunk size overflow": post(b"Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "chunk extension with bare LF": post(b"Transfer-Encoding: chunked", body=b"2;a\n{}\r\n0\r\n\r\n"),
    "chunks with bare LF": post(b"Transfer-Encoding: chunked", body=b"2\n{}\n0\n\n"),
    "chunk longer than said": post(b"Transfer-Encoding: chunked", body=b"2\r\n{}{}\r\n0\r\n\r\n"),
    "bare LF lines": b"GET /api/v1/data/sales HTTP/1.1\nHost: gateway\n{auth}\n\n",
    "bare CR in a header": get(b"/api/v1/data/sales", b"X-A: a\rb"),
    "folded header": get(b"/api/v1/data/sales", b"X-A: a\r\n b"),
    "NUL in a header": get(b"/api/v1/data/sales", b"X-A: a\x00b"),
    "NUL in a header name": get(b"/api/v1/data/sales", b"X-\x00A: a"),
    "header without colon": get(b"/api/v1/data/sales", b"X-A"),
    "header without name": get(b"/api/v1/data/sales", b": a"),
    "space first in headers": request(b"GET /api/v1/data/sales HTTP/1.1", b" Host: gateway", b"{auth}"),
    "no host": request(b"GET /api/v1/data/sales HTTP/1.1", b"{auth}"),
    "no host, HTTP/1.0": request(b"GET /api/v1/data/sales HTTP/1.0", b"{auth}"),
    "two hosts": get(b"/api/v1/data/sales", b"Host: other"),
    "empty host": request(b"GET /api/v1/data/sales HTTP/1.1", b"Host:", b"{auth}"),
    "host with path": request(b"GET /api/v1/data/sales HTTP/1.1", b"Host: a/public?", b"{auth}"),
    "host with user": request(b"GET /api/v1/data/sales HTTP/1.1", b"Host: x@evil", b"{auth}"),
    "host with space": request(b"GET /api/v1/data/sales HTTP/1.1", b"Host: a b", b"{auth}"),
    "host list": request(b"GET /api/v1/data/sales HTTP/1.1", b"Host: a, b", b"{auth}"),
    "absolute target": get(b"http://gateway/api/v1/data/sales"),
    "absolute target elsewhere": get(b"http://169.254.169.254/api/v1/data/sales"),
    "target without slash": get(b"api/v1/data/sales"),
    "asterisk": request(b"OPTIONS * HTTP/1.1", b"Host: gateway", b"{auth}"),
    "connect": request(b"CONNECT data:8000 HTTP/1.1", b"Host: gateway", b"{auth}"),
    "HTTP/2.0": get(b"/api/v1/data/sales", version=b"HTTP/2.0"),
    "HTTP/0.9": b"GET /api/v1/data/sales\r\n\r\n",
    "HTTP/1.10": get(b"/api/v1/data/sales", version=b"HTTP/1.10"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS hello": bytes.fromhex("16030100c8010000c40303"),
    "two authorizations": get(b"/api/v1/data/sales", b"Authorization: Bearer x"),
    "token and key": get(b"/api/v1/data/sales", b"X-API-Key: pk_abcdefgh_" + b"x" * 43),
    "trace": request(b"TRACE /api/v1/data/sales HTTP/1.1", b"Host: gateway", b"{auth}"),
    "track": request(b"TRACK /api/v1/data/sales HTTP/1.1", b"Host: gateway", b"{auth}"),
    "propfind": request(b"PROPFIND /api/v1/data/sales HTTP/1.1", b"Host: gateway", b"{auth}"),
    "options": request(b"OPTIONS /api/v1/data/sales HTTP/1.1", b"Host: gateway", b"{auth}"),
    "lower case method": request(b"get /api/v1/data/sales HTTP/1.1", b"Host: gateway", b"{auth}"),
    "method override": get(b"/api/v1/data/sales", b"X-HTTP-Method-Override: DELETE"),
    "method override alias": get(b"/api/v1/data/sales", b"X-Method-Override: DELETE"),
    "one header of 100 KB": get(b"/api/v1/data/sales", b"X-A: " + b"a" * 100_000),
    "2,000 headers": get(b"/api/v1/data/sales", *(b"X-A%d: a" % n for n in range(2000))),
    "target of 100 KB": get(b"/api/v1/data/sales?" + b"a" * 100_000),
    "path of 100 KB": get(b"/api/v1/data/products/" + b"a" * 100_000),
    "control character in query": get(b"/api/v1/data/sales?a=\x01"),
    "NUL in query": get(b"/api/v1/data/sales?a=%00"),
    "raw UTF-8 in path": get("/api/v1/data/products/ё".encode()),
}  # fmt: skip

ESCAPES = [
    b"/api/v1/data/../users", b"/api/v1/data/./sales", b"/api/v1/data/%2e%2e/users", b"/api/v1/data/%2E%2e/users",
    b"/api/v1/data/.%2e/users", b"/api/v1/data/..%2fusers", b"/api/v1/data/..%2Fusers", b"/api/v1/data/..%5cusers",
    b"/api/v1/data/..\\users", b"/api/v1/data/%252e%252e/users", b"/api/v1/data/products/%252e%252e%252fusers",
    b"/api/v1/data/products/a%2fb", b"/api/v1/data/products/a%5Cb", b"/api/v1/data/products/%00",
    b"/api/v1/data/products/a%0d%0aX-User-Id:1", b"/api/v1/data/products/%c0%ae%c0%ae", b"/api/v1/data/products/%ff",
    b"/api/v1/data/products/..;/", b"/api/v1/data/products;x=1", b"/api/v1/data/;/sales", b"/api/v1/data/products/a;b",
    b"/api/v1/data/products/%3b", b"//api/v1/data/sales", b"/api//v1/data/sales", b"/api/v1/data//sales",
    b"/api/v1/data/sales/", b"/api/v1/data/sales//", b"/API/v1/data/sales", b"/api/V1/data/sales", b"/api/v1/Data/sales",
    b"/api/v1/data/sales.", b"/api/v1/data/sales%20", b"/api/v1/data/sales%09", b"/api/v1/data/sales..", b"/",
    b"/v1/sales", b"/v1/users", b"/api/v1/data/v1/sales", b"/api/v1/data", b"/api/v1/data/openapi.json",
    b"/api/v1/data/metrics", b"/api/v1/data/health/live", b"/api/v1/monitoring/metrics", b"/api/v1/internal/sales",
    b"/api/v1/data/products/%", b"/api/v1/data/products/%zz", b"/api/v1/data/products/%u002e", b"/%2e%2e/api/v1/users",
    b"/api/v1/gateway/users", b"/server-status", b"/api/v1/data/products/a/../../../users", b"/docs/../api/v1/users",
    b"/docs/%2e%2e/%2e%2e/etc/passwd", b"/docs/..%2f..%2fsettings.py", b"/.env", b"/api/v1/users/../auth/me",
]  # fmt: skip


def status_of(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(found[1]) if found else 0


def authorised(payload: bytes, gateway: Any) -> bytes:
    return payload.replace(b"{auth}", b"Authorization: Bearer " + gateway.token("buyer").encode())


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("credentials", ["valid", "none", "forged"])
def test_a_malformed_request_is_refused_and_reaches_nobody(
    name: str, credentials: str, gateway: Any, fresh_echo: Any
) -> None:
    forged = b"X-Identity-Token: forged\r\nX-User-Id: 1"
    payload = MALFORMED[name]
    payload = authorised(payload, gateway) if credentials == "valid" else payload.replace(b"{auth}", forged)
    answer = gateway.raw(payload)
    allowed = {400, 405, 408, 414, 431} | ({401} if name == "token and key" or credentials != "valid" else set())
    assert status_of(answer) in allowed, answer[:300]
    assert fresh_echo.seen == []
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body[: int(re.search(rb"content-length: (\d+)", head)[1])])["status"] == status_of(answer)


@pytest.mark.parametrize("target", ESCAPES)
def test_a_path_that_could_be_read_two_ways_reaches_nobody(target: bytes, gateway: Any, fresh_echo: Any) -> None:
    for credentials in (authorised(b"{auth}", gateway), b"X-A: 1"):
        for version in (b"HTTP/1.1", b"HTTP/1.0"):
            answer = gateway.raw(get(target, version=version).replace(b"{auth}", credentials))
            assert status_of(answer) in {400, 404}, (target, answer[:200])
    assert fresh_echo.seen == []


def test_a_fragment_is_no_part_of_the_path(gateway: Any, fresh_echo: Any) -> None:
    answer = gateway.raw(authorised(get(b"/api/v1/users#/api/v1/data/sales"), gateway))
    assert status_of(answer) in {400, 403}
    assert fresh_echo.seen == []


def test_percent_encoded_letters_are_authorised_as_what_they_mean(gateway: Any, fresh_echo: Any) -> None:
    answer = gateway.raw(authorised(get(b"/api/v1/forecast/plans/l%61test"), gateway))
    assert status_of(answer) == 200
    assert fresh_echo.last()["path"] == "/v1/plans/latest"
    assert status_of(gateway.raw(authorised(get(b"/api/v1/%75sers"), gateway))) == 403


FORGERIES = [
    b"X-Identity-Token: {token}", b"x-identity-token: {token}", b"X_Identity_Token: {token}", b"X.Identity.Token: {token}",
    b"X-Identity.Token: {token}", b"X-IDENTITY-TOKEN: {token}", b"X-Identity-Token: {token}\r\nX-Identity-Token: {token}",
    b"X-User-Id: 1", b"X_User_Id: 1", b"X.User.Id: 1", b"x-user-roles: admin", b"X-Forwarded-User: admin",
    b"X-Forwarded-For: 1.2.3.4", b"X_Forwarded_For: 1.2.3.4", b"Forwarded: for=1.2.3.4", b"X-Real-IP: 1.2.3.4",
    b"X-Forwarded-Host: evil", b"X-Forwarded-Proto: https", b"X-Forwarded-Prefix: /admin", b"X-Original-URL: /api/v1/users",
    b"X-Rewrite-URL: /api/v1/users", b"X-Auth-User: admin", b"X-Authenticated-User: admin", b"X-Remote-User: admin",
    b"X-Client-Cert: x", b"X-SSL-Client-DN: x", b"Cookie: session=1", b"Remote-User: admin", b"X-Internal-Sig: 1",
    b"Proxy-Authorization: Basic x", b"TE: trailers", b"Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: Upgrade, HTTP2-Settings",
    b"Connection: x-identity-token", b"Connection: close, X-Request-Id, traceparent", b"Connection: x-forwarded-for, x-a",
    b"Content_Length: 5", b"Transfer_Encoding: chunked", b"Keep-Alive: timeout=5", b"Expect: 100-continue",
]  # fmt: skip
CLAIMED = {"1.2.3.4", "evil", "admin", "forged"}
OWN_HEADERS = {"x-identity-token", "x-request-id", "traceparent", "x-forwarded-for", "x-forwarded-proto"}


@pytest.mark.parametrize("header", FORGERIES)
def test_a_forged_identity_never_gets_through(header: bytes, gateway: Any, fresh_echo: Any) -> None:
    forged = jwt.encode({"sub": "forged", "aud": "data", "roles": ["admin"]}, "k" * 32, algorithm="HS256")
    payload = authorised(get(b"/api/v1/data/sales", header.replace(b"{token}", forged.encode())), gateway)
    answer = gateway.raw(payload)
    assert status_of(answer) == 200, answer[:300]
    headers = fresh_echo.last()["headers"]
    names = [name for name, _ in headers]
    assert {name: names.count(name) for name in OWN_HEADERS} == dict.fromkeys(OWN_HEADERS, 1)
    claims = jwt.decode(dict(headers)["x-identity-token"], options={"verify_signature": False})
    assert (claims["aud"], claims["roles"], claims["kind"]) == ("data", ["buyer"], "user")
    assert dict(headers)["x-forwarded-for"] == "127.0.0.1"
    sent = {line.partition(b":")[0].strip().lower().decode() for line in header.split(b"\r\n")}
    assert not (sent & set(names)) - OWN_HEADERS - {"content-length"}
    assert not CLAIMED & {value for _, value in headers}


def test_names_in_trailers_are_not_believed(gateway: Any, fresh_echo: Any) -> None:
    body = b"2\r\n{}\r\n0\r\nX-Identity-Token: forged\r\nAuthorization: Bearer x\r\nX-A: trailer\r\n\r\n"
    answer = gateway.raw(authorised(post(b"Transfer-Encoding: chunked", body=body), gateway))
    assert status_of(answer) == 200
    assert "trailer" not in json.dumps(fresh_echo.last()["headers"])
    assert "forged" not in json.dumps(fresh_echo.last()["headers"])


def test_the_same_forgeries_without_credentials_are_unauthenticated(gateway: Any, fresh_echo: Any) -> None:
    for header in FORGERIES:
        assert status_of(gateway.raw(get(b"/api/v1/data/sales", header).replace(b"{auth}", b"X-B: 1"))) == 401
    assert fresh_echo.seen == []


def test_a_cut_body_is_never_taken_for_a_complete_one(gateway: Any, fresh_echo: Any) -> None:
    for payload in (
        post(b"Content-Length: 1000", body=b"{}"),
        post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n"),
        post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\nzz\r\n"),
    ):
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall(authorised(payload, gateway))
            time.sleep(0.2)
    time.sleep(0.5)
    assert fresh_echo.seen == []


def test_pipelined_requests_are_judged_one_by_one(gateway: Any, fresh_echo: Any) -> None:
    allowed = authorised(get(b"/api/v1/data/sales"), gateway)
    answer = gateway.raw(allowed + get(b"/api/v1/data/stock").replace(b"{auth}", b"X-A: 1") + allowed)
    assert re.findall(rb"HTTP/1\.1 (\d{3})", answer) == [b"200", b"401", b"200"]
    assert [seen["path"] for seen in fresh_echo.seen] == ["/v1/sales", "/v1/sales"]


def test_a_head_that_comes_drop_by_drop_is_given_up_and_others_are_served(start_gateway: Any) -> None:
    from gateway.proxy.adapters.protocol import GuardedProtocol

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GuardedProtocol, "head_seconds", 0.7)
        gateway = start_gateway()
        slow = [socket.create_connection(("127.0.0.1", gateway.port), timeout=5) for _ in range(50)]
        began = time.monotonic()
        for connection in slow[:25]:
            connection.sendall(b"GET /api/v1/data/sales HTTP/1.1\r\nHost: g")
        with gateway.client() as client:
            assert client.get("/health/live").status_code == 200
        answers = [connection.recv(4096) for connection in slow]
        assert time.monotonic() - began < 4
    assert {status_of(answer) for answer in answers} == {408}
    for connection in slow:
        connection.close()
