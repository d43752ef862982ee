import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fixtures.nginx import write_certificate

PROBLEM_KEYS = {"type", "title", "status", "detail", "instance", "code", "request_id", "trace_id", "errors"}
MEBIBYTE = 1 << 20


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert set(body) == PROBLEM_KEYS
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code.replace('_', '-')}")
    assert response.headers["x-content-type-options"] == "nosniff"
    return body


async def raw(door, request: bytes) -> bytes:
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(65536), 5)
    writer.close()
    return answer


async def test_requests_reach_the_gateway_as_they_were_sent(door) -> None:
    answer = await door.client.get(f"{door.url}/api/v1/data/products?name=%D0%B6&x=1%2F2")
    assert answer.json()["path"] == "/api/v1/data/products?name=%D0%B6&x=1%2F2"


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/METRICS",
        "//metrics",
        "/%6detrics",
        "/x/../metrics",
        "/./metrics?x=1",
        "/health/live",
        "/health/ready",
        "/health",
        "/Health/Ready",
        "/%2e/health/ready",
    ],
)
async def test_probes_and_metrics_are_not_reachable_from_outside(door, path: str) -> None:
    answer = await raw(door, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"route_not_found" in answer
    assert door.gateway.requests == []


async def test_what_a_client_claims_about_its_address_counts_for_nothing(door) -> None:
    claims = {
        "X-Forwarded-For": "203.0.113.9, 10.0.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "Proxy": "http://evil.example",
    }
    seen = (await door.client.get(f"{door.url}/x", headers=claims)).json()
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert not {"x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", "proxy"} & set(seen["names"])
    assert seen["names"].count("x-forwarded-for") == 1


async def test_a_load_balancer_in_front_is_believed_about_the_last_hop_only(open_door: Callable[..., Any]) -> None:
    async with open_door(NGINX_TRUSTED_PROXY="127.0.0.0/8") as door:
        claims = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        seen = (await door.client.get(f"{door.url}/x", headers=claims)).json()
    assert seen["headers"]["x-forwarded-for"] == "198.51.100.7"


async def test_a_large_body_is_refused_where_none_is_expected(door) -> None:
    answer = await door.client.post(f"{door.url}/api/v1/data/products", content=b"x" * (MEBIBYTE + 1))
    assert_problem(answer, 413, "payload_too_large")
    assert door.gateway.requests == []


async def test_a_body_of_unknown_length_is_refused_at_the_same_size(door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    answer = await door.client.post(f"{door.url}/api/v1/users", content=endless())
    assert_problem(answer, 413, "payload_too_large")
    assert door.gateway.requests == []


@pytest.mark.parametrize("path", ["/api/v1/data/imports?kind=sales", "/api/v1/storage/files"])
async def test_an_upload_streams_through_while_it_is_being_sent(door, path: str) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * MEBIBYTE
        await asyncio.wait_for(door.gateway.first_body_bytes.wait(), 10)  # nginx passed it on before the end
        for _ in range(19):
            yield b"x" * MEBIBYTE

    answer = await door.client.post(f"{door.url}{path}", content=slow(), timeout=60)
    assert answer.json()["size"] == 20 * MEBIBYTE


async def test_only_the_upload_routes_take_large_bodies(door) -> None:
    for path in ("/api/v1/data/imports/1", "/api/v1/storage/files/1", "/api/v1/data/imports.x", "/data/imports"):
        answer = await door.client.post(f"{door.url}{path}", content=b"x" * (MEBIBYTE + 1))
        assert_problem(answer, 413, "payload_too_large")


async def test_an_upload_over_600_megabytes_is_refused_before_it_is_sent(door) -> None:
    answer = await raw(
        door, b"POST /api/v1/data/imports HTTP/1.1\r\nHost: localhost\r\nContent-Length: 629145601\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 413")


async def test_an_answer_streams_through_while_it_is_being_made(door) -> None:
    async with door.client.stream("GET", f"{door.url}/stream") as answer:
        parts = answer.aiter_bytes()
        assert await asyncio.wait_for(anext(parts), 5) == b"first"
        door.gateway.may_finish.set()
        assert await asyncio.wait_for(anext(parts), 5) == b"last"


async def test_connections_to_the_gateway_are_kept(door) -> None:
    for _ in range(50):
        await door.client.get(f"{door.url}/x", headers={"Connection": "close"})
    assert door.gateway.connections <= 2


async def test_a_flood_from_one_address_is_slowed_down(open_door: Callable[..., Any]) -> None:
    async with open_door(NGINX_REQUESTS_PER_SECOND="1") as door:
        answers = [await door.client.get(f"{door.url}/x") for _ in range(210)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 1 <= len(refused) <= 9
    assert_problem(refused[0], 429, "rate_limited")
    assert refused[0].headers["retry-after"] == "1"


async def test_security_headers_stand_on_every_answer_and_the_version_on_none(door) -> None:
    for path in ("/x", "/metrics"):
        headers = (await door.client.get(f"{door.url}{path}")).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["server"] == "nginx"
        assert "strict-transport-security" not in headers
        assert "retry-after" not in headers


async def test_the_gateways_own_refusals_pass_unchanged(door) -> None:
    answer = await door.client.get(f"{door.url}/failing")
    assert answer.status_code == 503
    assert answer.json() == {"code": "unavailable", "detail": "mine"}
    assert answer.headers.get_list("retry-after") == ["77"]


async def test_a_gateway_that_is_away_is_said_to_be_and_found_again(open_door: Callable[..., Any]) -> None:
    async with open_door(NGINX_GATEWAY="127.0.0.1:1") as door:
        answer = await door.client.get(f"{door.url}/api/v1/users")
        assert assert_problem(answer, 503, "unavailable")["instance"] == "/api/v1/users"
        assert answer.headers["retry-after"] == "5"
        odd = await door.client.get(f'{door.url}/a"b%22%0d%0a{{')
        assert assert_problem(odd, 503, "unavailable")["instance"] == "/"


@pytest.mark.parametrize(
    "request_",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_broken_requests_end_here(door, request_: bytes) -> None:
    answer = await raw(door, request_)
    assert answer.split(b" ")[1] in {b"400", b"414", b"431"}
    assert b"application/problem+json" in answer
    assert door.gateway.requests == []


async def test_the_access_log_is_json_whatever_is_asked(door, tmp_path: Path) -> None:
    await raw(door, b'GET /a"b\\%00%0a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    await door.client.get(f"{door.url}/x")
    lines = [json.loads(line) for line in (tmp_path / "access.log").read_text(encoding="utf-8").splitlines()]
    assert [line["status"] for line in lines][-1] == 200
    assert lines[-1]["path"] == "/x"


async def test_with_a_certificate_everything_is_encrypted(open_door: Callable[..., Any], tmp_path: Path) -> None:
    write_certificate(tmp_path / "certificates")
    async with open_door(NGINX_TLS="on") as door:
        secure = await door.client.get(f"{door.tls_url}/x")
        assert secure.json()["headers"]["x-forwarded-proto"] == "https"
        assert secure.headers["strict-transport-security"] == "max-age=31536000"
        plain = await door.client.post(f"{door.url}/api/v1/auth/login?x=1", content=b"{}")
        assert plain.status_code == 308
        assert plain.headers["location"] == "https://127.0.0.1/api/v1/auth/login?x=1"
        assert len(door.gateway.requests) == 1
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        host, port = door.tls_url.removeprefix("https://").split(":")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(host, int(port), ssl=old)
