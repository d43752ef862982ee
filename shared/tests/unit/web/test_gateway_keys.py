"""The gateway's keys as a service knows them: fetched once, looked up again, forgotten when the gateway takes one out."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.errors import UnavailableError
from shared.web import identity
from shared.web.identity import GatewayKeys


class Jwks:
    """A gateway's key document over real HTTP."""

    def __init__(self) -> None:
        self.kids = ["a"]
        self.asked = 0
        self.broken = False
        known = {kid: Ed25519PrivateKey.generate().public_key() for kid in ("a", "b")}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                raw = {kid: known[kid].public_bytes(Encoding.Raw, PublicFormat.Raw) for kid in outer.kids}
                keys = [
                    {"kty": "OKP", "crv": "Ed25519", "kid": k, "x": base64.urlsafe_b64encode(v).rstrip(b"=").decode()}
                    for k, v in raw.items()
                ]
                self.send_response(500 if outer.broken else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": keys}).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def jwks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Jwks]:
    monkeypatch.setattr(identity, "_REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(identity, "_RENEW_SECONDS", 0.2)
    running = Jwks()
    yield running
    running.server.shutdown()
    running.server.server_close()


async def test_keys_are_fetched_once_and_unknown_ones_are_not_asked_for_again_and_again(
    jwks: Jwks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_REFRESH_SECONDS", 10.0)
    keys = GatewayKeys(jwks.url)
    found = await asyncio.gather(*(keys.key("a") for _ in range(20)))
    assert all(found)
    assert [await keys.key("nobody's") for _ in range(20)] == [None] * 20
    assert jwks.asked == 1
    await keys.close()


async def test_a_new_key_is_found_and_one_taken_out_is_forgotten(jwks: Jwks) -> None:
    keys = GatewayKeys(jwks.url)
    assert await keys.key("a") is not None
    jwks.kids = ["a", "b"]
    await asyncio.sleep(0.06)
    assert await keys.key("b") is not None
    jwks.kids = ["b"]
    assert await keys.key("a") is not None
    await asyncio.sleep(0.25)
    assert await keys.key("a") is None
    await keys.close()


async def test_known_keys_serve_while_the_gateway_is_away_but_not_for_ever(
    jwks: Jwks, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = GatewayKeys(jwks.url)
    assert await keys.key("a") is not None
    jwks.broken = True
    await asyncio.sleep(0.25)
    assert await keys.key("a") is not None
    monkeypatch.setattr(identity, "_FORGET_SECONDS", 0.1)
    await asyncio.sleep(0.1)
    with pytest.raises(UnavailableError):
        await keys.key("a")
    await keys.close()
