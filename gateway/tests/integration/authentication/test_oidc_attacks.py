"""An identity provider that lies: every forged ID token, document and answer is refused, and lets nobody in."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OURS, STRANGER = generate_private_key(65537, 2048), generate_private_key(65537, 2048)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk() -> dict[str, Any]:
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(OURS.public_key())), "kid": "k1", "use": "sig"}


class Liar:
    """The provider: honest until a test changes one of its answers. `nonce` is that of the login begun last."""

    def __init__(self) -> None:
        self.nonce = ""
        self.server: Any = None
        self.be_honest()

    def be_honest(self) -> None:
        self.token: Callable[[dict[str, Any]], str] = self.signed
        self.answers: dict[str, Callable[[], Any]] = {}
        self.asked: list[str] = []

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": "procurement",
            "sub": "liar",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "liar@example.com",
            "email_verified": True,
            "groups": ["purchasing"],
        }

    def signed(self, claims: dict[str, Any], key: Any = OURS, **header: Any) -> str:
        kept = {name: value for name, value in claims.items() if value is not ...}
        return jwt.encode(kept, key, algorithm="RS256", headers={"kid": "k1", **header})

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]()
        if path == "/token":
            return {"access_token": "x", "token_type": "Bearer", "id_token": self.token(self.claims())}
        if path == "/keys":
            return {"keys": [jwk()]}
        return self.metadata()


@pytest.fixture(scope="module")
def running_liar() -> Iterator[Liar]:
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = liar.answer(urlsplit(self.path).path)
            status, headers, body = answer if isinstance(answer, tuple) else (200, {}, json.dumps(answer).encode())
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    liar.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=liar.server.serve_forever, daemon=True)
    thread.start()
    yield liar
    liar.server.shutdown()
    liar.server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def running_gateway(start_gateway: Any, running_liar: Liar) -> Any:
    return start_gateway(
        oidc_issuer=running_liar.issuer,
        oidc_client_id="procurement",
        oidc_client_secret="secret",
        oidc_redirect_url="https://procurement.example.com/api/v1/auth/oidc/callback",
        oidc_roles={"purchasing": ["buyer"]},
    )


@pytest.fixture
def liar(running_liar: Liar) -> Liar:
    running_liar.be_honest()
    return running_liar


def log_in(gateway: Any, liar: Liar) -> httpx.Response:
    with gateway.client() as client:
        begun = client.get("/api/v1/auth/oidc/login")
        assert begun.status_code == 303, begun.text
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        liar.nonce = asked["nonce"][0]
        return client.get("/api/v1/auth/oidc/callback", params={"state": asked["state"][0], "code": "code"})


def hs256(liar: Liar, claims: dict[str, Any], secret: bytes) -> str:
    text = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'k1'}).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def unsigned(claims: dict[str, Any], algorithm: str) -> str:
    return f"{b64(json.dumps({'alg': algorithm, 'kid': 'k1'}).encode())}.{b64(json.dumps(claims).encode())}."


PUBLIC_PEM = OURS.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
FORGED: dict[str, Callable[[Liar, dict[str, Any]], str]] = {
    "alg none": lambda _, c: unsigned(c, "none"),
    "alg None": lambda _, c: unsigned(c, "None"),
    "alg empty": lambda _, c: unsigned(c, ""),
    "HS256 with the public key": lambda liar, c: hs256(liar, c, PUBLIC_PEM),
    "HS256 with the client secret": lambda liar, c: hs256(liar, c, b"secret"),
    "a stranger's key under the provider's kid": lambda liar, c: liar.signed(c, STRANGER),
    "a kid the provider does not publish": lambda liar, c: liar.signed(c, kid="k2"),
    "the key in the header": lambda liar, c: liar.signed(c, STRANGER, jwk=json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(STRANGER.public_key()))),
    "a critical extension": lambda liar, c: liar.signed(c, crit=["x"], x=1),
    "another audience": lambda liar, c: liar.signed({**c, "aud": "somebody-else"}),
    "no audience": lambda liar, c: liar.signed({**c, "aud": ...}),
    "several audiences and no azp": lambda liar, c: liar.signed({**c, "aud": ["procurement", "other"]}),
    "authorised for another application": lambda liar, c: liar.signed({**c, "azp": "other"}),
    "another issuer": lambda liar, c: liar.signed({**c, "iss": "https://evil.example.com"}),
    "the issuer with a slash": lambda liar, c: liar.signed({**c, "iss": liar.issuer + "/"}),
    "no issuer": lambda liar, c: liar.signed({**c, "iss": ...}),
    "another nonce": lambda liar, c: liar.signed({**c, "nonce": "x" * 43}),
    "no nonce": lambda liar, c: liar.signed({**c, "nonce": ...}),
    "an empty nonce": lambda liar, c: liar.signed({**c, "nonce": ""}),
    "nonce as a list": lambda liar, c: liar.signed({**c, "nonce": [c["nonce"]]}),
    "expired": lambda liar, c: liar.signed({**c, "exp": int(time.time()) - 60}),
    "no expiry": lambda liar, c: liar.signed({**c, "exp": ...}),
    "not yet valid": lambda liar, c: liar.signed({**c, "nbf": int(time.time()) + 600}),
    "no subject": lambda liar, c: liar.signed({**c, "sub": ...}),
    "an empty subject": lambda liar, c: liar.signed({**c, "sub": ""}),
    "a huge subject": lambda liar, c: liar.signed({**c, "sub": "x" * 256}),
    "address not verified": lambda liar, c: liar.signed({**c, "email_verified": False}),
    "verified in words": lambda liar, c: liar.signed({**c, "email_verified": "yes"}),
    "nothing said about verification": lambda liar, c: liar.signed({**c, "email_verified": ...}),
    "no address": lambda liar, c: liar.signed({**c, "email": ...}),
    "address as a list": lambda liar, c: liar.signed({**c, "email": ["admin@example.com"]}),
    "no groups": lambda liar, c: liar.signed({**c, "groups": ...}),
    "groups as an object": lambda liar, c: liar.signed({**c, "groups": {"purchasing": True}}),
    "groups of objects": lambda liar, c: liar.signed({**c, "groups": [{"name": "purchasing"}]}),
    "a role instead of a group": lambda liar, c: liar.signed({**c, "groups": ["admin", "buyer"]}),
    "not a token": lambda *_: "hello",
    "empty": lambda *_: "",
    "dots": lambda *_: "..",
    "deeply nested": lambda _, c: f"{b64(b'[' * 9000)}.e30.x",
    "huge": lambda liar, c: liar.signed({**c, "x": "y" * 100_000}),
}  # fmt: skip


def test_an_honest_provider_is_believed(running_gateway: Any, liar: Liar) -> None:
    answer = log_in(running_gateway, liar)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_id_token_lets_nobody_in(name: str, running_gateway: Any, liar: Liar) -> None:
    liar.token = lambda claims: FORGED[name](liar, {**claims, "sub": "forged", "email": "forged@example.com"})
    answer = log_in(running_gateway, liar)
    assert (answer.status_code, answer.json()["code"]) == (401, "oidc_refused"), answer.text
    assert running_gateway.rows("SELECT 1 FROM gateway.users WHERE email = 'forged@example.com'") == []


@pytest.mark.parametrize("email", ["not an address", "a@b@c", "a\u0000b@example.com", "x" * 300 + "@example.com"])
def test_an_address_that_is_none_lets_nobody_in(email: str, running_gateway: Any, liar: Liar) -> None:
    liar.token = lambda claims: liar.signed({**claims, "sub": "odd", "email": email})
    answer = log_in(running_gateway, liar)
    assert answer.status_code in {401, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_name_with_control_characters_is_not_taken_over(running_gateway: Any, liar: Liar) -> None:
    liar.token = lambda claims: liar.signed(
        {**claims, "sub": "named", "email": "named@example.com", "name": "a\r\nb\u0000"}
    )
    assert log_in(running_gateway, liar).status_code == 200
    assert running_gateway.rows("SELECT name FROM gateway.users WHERE email = 'named@example.com'") == [
        ("named@example.com",)
    ]


BROKEN: dict[str, Callable[[Liar], Any]] = {
    "not JSON": lambda _: (200, {}, b"<html>"),
    "a list": lambda _: [],
    "deeply nested": lambda _: (200, {}, b"[" * 100_000),
    "an error": lambda _: (500, {}, b"{}"),
    "a redirect": lambda liar: (302, {"Location": f"{liar.issuer}/elsewhere"}, b""),
    "too large": lambda _: (200, {}, b" " * 300_000 + b"{}"),
    "compressed": lambda _: (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
def test_a_broken_answer_is_a_502_and_nothing_is_followed(
    path: str, name: str, start_gateway: Any, running_gateway: Any, liar: Liar
) -> None:
    gateway = start_gateway(**running_gateway.settings.model_dump(include=OIDC), signing_key_check_seconds=60)
    liar.answers[path] = lambda: BROKEN[name](liar)
    with gateway.client() as client:
        answer = client.get("/api/v1/auth/oidc/login")
        if answer.status_code == 303:
            answer = log_in(gateway, liar)
    gateway.stop()
    assert (answer.status_code, answer.json()["code"]) == (502, "oidc_unavailable"), answer.text
    assert path in liar.asked
    assert "/elsewhere" not in liar.asked


OIDC = {"oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_redirect_url", "oidc_roles"}


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example.com"},
        {"token_endpoint": None},
        {"jwks_uri": 1},
        {"authorization_endpoint": ["x"]},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": "ftp://127.0.0.1/keys"},
    ],
)
def test_a_document_that_names_another_place_is_not_believed(
    change: dict[str, Any], start_gateway: Any, running_gateway: Any, liar: Liar
) -> None:
    gateway = start_gateway(**running_gateway.settings.model_dump(include=OIDC))
    liar.answers["/.well-known/openid-configuration"] = lambda: {**liar.metadata(), **change}
    with gateway.client() as client:
        answer = client.get("/api/v1/auth/oidc/login")
        if answer.status_code == 303:
            answer = log_in(gateway, liar)
    gateway.stop()
    assert (answer.status_code, answer.json()["code"]) == (502, "oidc_unavailable"), answer.text


def test_somebody_else_at_the_userinfo_endpoint_is_not_let_in(
    start_gateway: Any, running_gateway: Any, liar: Liar
) -> None:
    gateway = start_gateway(**running_gateway.settings.model_dump(include=OIDC))
    place = "/.well-known/openid-configuration"
    liar.answers[place] = lambda: {**liar.metadata(), "userinfo_endpoint": f"{liar.issuer}/userinfo"}
    liar.answers["/userinfo"] = lambda: {"sub": "other", "email": "admin@example.com", "email_verified": True}
    liar.token = lambda claims: liar.signed({**claims, "email": ...})
    answer = log_in(gateway, liar)
    gateway.stop()
    assert (answer.status_code, answer.json()["code"]) == (401, "oidc_refused")


def test_unknown_keys_are_fetched_at_most_once_in_ten_seconds(
    start_gateway: Any, running_gateway: Any, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = start_gateway(**running_gateway.settings.model_dump(include=OIDC))
    assert log_in(gateway, liar).status_code == 200
    liar.answers["/keys"] = lambda: {"keys": [{**jwk(), "kid": "k2"}, {"kty": "oct", "k": "AAAA"}]}
    liar.token = lambda claims: liar.signed(claims, kid="k2")
    assert [log_in(gateway, liar).status_code for _ in range(2)] == [401, 401]
    assert liar.asked.count("/keys") == 1
    monkeypatch.setattr("gateway.authentication.adapters.oidc._KEYS_AGAIN_SECONDS", 0.0)
    assert log_in(gateway, liar).status_code == 200
    assert liar.asked.count("/keys") == 2
    gateway.stop()
