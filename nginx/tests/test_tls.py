"""What is spoken at the encrypted port: versions, ciphers, HTTP/2, headers."""

import asyncio
import json
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.nginx import write_certificate


async def handshake(url: str, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> tuple[str, str] | None:
    """Version and cipher agreed on, None when the server refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    if version < ssl.TLSVersion.TLSv1_2:
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = context.maximum_version = version
    else:
        context.minimum_version = context.maximum_version = version
    host, port = url.removeprefix("https://").split(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    except (ssl.SSLError, ConnectionError):
        return None
    agreed = writer.get_extra_info("cipher")
    writer.close()
    return agreed[1], agreed[0]


async def curl(*arguments: str) -> tuple[str, str]:
    """Headers and body."""
    command = shutil.which("curl")
    if command is None:
        pytest.skip("curl is not installed")
    child = await asyncio.create_subprocess_exec(
        command, "-sk", "-i", "--noproxy", "*", "--max-time", "10", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    head, _, body = output.decode().partition("\r\n\r\n")
    return head.lower(), body


@pytest.fixture
async def open_secure(open_door: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    write_certificate(tmp_path / "certificates")
    return lambda **values: open_door(NGINX_TLS="on", **values)


async def test_only_the_two_versions_without_known_holes_are_spoken(open_secure: Callable[..., Any]) -> None:
    async with open_secure() as door:
        assert (await handshake(door.tls_url, ssl.TLSVersion.TLSv1_3) or ("",))[0] == "TLSv1.3"
        agreed = await handshake(door.tls_url, ssl.TLSVersion.TLSv1_2)
        assert agreed is not None
        assert agreed[0] == "TLSv1.2"
        assert agreed[1].startswith("ECDHE-")
        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            assert await handshake(door.tls_url, old) is None


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256", "DHE", "aNULL"])
async def test_ciphers_without_secrecy_or_integrity_are_refused(ciphers: str, open_secure: Callable[..., Any]) -> None:
    async with open_secure() as door:
        assert await handshake(door.tls_url, ssl.TLSVersion.TLSv1_2, f"{ciphers}:@SECLEVEL=0") is None


async def test_http_2_is_spoken_and_made_http_1_for_the_gateway(open_secure: Callable[..., Any]) -> None:
    async with open_secure() as door:
        head, body = await curl("--http2", f"{door.tls_url}/x?a=1", "-H", "X-Request-Id: mine")
        assert head.startswith("http/2 200")
        seen = json.loads(body)
        assert (seen["path"], seen["headers"]["x-request-id"]) == ("/x?a=1", "mine")
        assert seen["headers"]["x-forwarded-proto"] == "https"
        assert "connection" not in seen["names"]


async def test_a_body_over_http_2_has_the_same_limit(open_secure: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(bytes((1 << 20) + 1))
    async with open_secure() as door:
        arguments = ("--http2", "-X", "POST", "--data-binary", f"@{tmp_path}/body", f"{door.tls_url}/api/v1/users")
        head, body = await curl(*arguments)
        assert head.splitlines()[0].startswith("http/2 413") or "http/2 413" in body.lower()
        assert door.gateway.requests == []


async def test_hop_by_hop_headers_of_http_2_are_refused_or_dropped(open_secure: Callable[..., Any]) -> None:
    async with open_secure() as door:
        for header in ("Transfer-Encoding: chunked", "Connection: x-identity-token", "Upgrade: h2c", "X_User_Id: 1"):
            await curl("--http2", f"{door.tls_url}/x", "-H", header)
        names = {name for request in door.gateway.requests for name in request["names"]}
        assert not names & {"connection", "transfer-encoding", "upgrade", "x_user_id"}


async def test_every_answer_tells_browsers_to_stay_with_https(open_secure: Callable[..., Any]) -> None:
    async with open_secure() as door:
        for path in ("/x", "/metrics", "/failing"):
            answer = await door.client.get(f"{door.tls_url}{path}")
            assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
        plain = await door.client.get(f"{door.url}/x")
        assert plain.status_code == 308
        assert "strict-transport-security" not in plain.headers


async def test_a_strange_host_is_not_redirected_to(open_secure: Callable[..., Any]) -> None:
    async with open_secure() as door:
        for url in (door.url, door.tls_url):
            answer = await door.client.get(f"{url}/x", headers={"Host": "evil.example"})
            assert (answer.status_code, answer.json()["code"]) == (421, "misdirected_request")
            assert "location" not in answer.headers
        assert door.gateway.requests == []
