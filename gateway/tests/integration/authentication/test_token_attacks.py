"""Tokens made to be believed: every one of them is a 401, and none reaches a service."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


def segment(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forge:
    """A genuine token of the gateway with its parts at hand; the test holds the real key only to make near misses."""

    def __init__(self, gateway: Any) -> None:
        self.genuine = gateway.token("admin")
        self.header = jwt.get_unverified_header(self.genuine)
        self.claims = jwt.decode(self.genuine, options={"verify_signature": False})
        self.key: Any = load_pem_private_key(gateway.settings.signing_key_file.read_bytes(), None)
        self.public = self.key.public_key()

    def signed(self, key: Any = None, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        changed = {name: value for name, value in {**self.claims, **claims}.items() if value is not ...}
        return jwt.encode(changed, key or self.key, algorithm="EdDSA", headers={**self.header, **(header or {})})

    def hmac_with(self, secret: bytes) -> str:
        text = f"{segment({**self.header, 'alg': 'HS256'})}.{segment(self.claims)}"
        return f"{text}.{segment(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    def raw(self, header: dict[str, Any], signature: str = "") -> str:
        return f"{segment({**self.header, **header})}.{segment(self.claims)}.{signature}"


now = time.time
_stranger = Ed25519PrivateKey.generate()
_rsa = generate_private_key(65537, 2048)

ATTACKS: dict[str, Callable[[Forge], str]] = {
    "alg none": lambda f: f.raw({"alg": "none"}),
    "alg None": lambda f: f.raw({"alg": "None"}),
    "alg nOnE with signature": lambda f: f.raw({"alg": "nOnE"}, f.genuine.rpartition(".")[2]),
    "alg empty": lambda f: f.raw({"alg": ""}),
    "alg missing": lambda f: f"{segment({'typ': 'access', 'kid': f.header['kid']})}.{segment(f.claims)}.",
    "alg ES256": lambda f: f.raw({"alg": "ES256"}, f.genuine.rpartition(".")[2]),
    "HS256 with the public key as PEM": lambda f: f.hmac_with(
        f.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the public key as DER": lambda f: f.hmac_with(
        f.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the raw public key": lambda f: f.hmac_with(f.public.public_bytes(Encoding.Raw, PublicFormat.Raw)),
    "HS256 with the key as JWK": lambda f: f.hmac_with(
        json.dumps({"kty": "OKP", "crv": "Ed25519", "x": segment(f.public.public_bytes(Encoding.Raw, PublicFormat.Raw))}).encode()
    ),
    "HS256 with an empty secret": lambda f: f.hmac_with(b""),
    "RS256 with a stranger's key": lambda f: jwt.encode(f.claims, _rsa, algorithm="RS256", headers={"kid": f.header["kid"], "typ": "access"}),
    "a stranger's key under our kid": lambda f: f.signed(_stranger),
    "unknown kid": lambda f: f.signed(_stranger, header={"kid": "other"}),
    "kid is a path": lambda f: f.signed(_stranger, header={"kid": "../../dev/null"}),
    "kid is SQL": lambda f: f.signed(_stranger, header={"kid": "' OR 1=1 --"}),
    "kid is empty": lambda f: f.signed(_stranger, header={"kid": ""}),
    "kid is a list": lambda f: f.raw({"kid": ["a"]}, "x"),
    "key in the header": lambda f: f.signed(
        _stranger,
        header={"jwk": {"kty": "OKP", "crv": "Ed25519", "x": segment(_stranger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))}},
    ),
    "key by address": lambda f: f.signed(_stranger, header={"jku": "http://127.0.0.1:1/jwks.json"}),
    "certificate by address": lambda f: f.signed(_stranger, header={"x5u": "http://127.0.0.1:1/cert"}),
    "critical extension": lambda f: f.signed(header={"crit": ["exp"], "exp": 1}),
    "unencoded payload": lambda f: f.signed(header={"crit": ["b64"], "b64": False}),
    "expired": lambda f: f.signed(exp=int(now()) - 60),
    "expiry as text": lambda f: f.raw({}, "x").replace(segment(f.claims), segment({**f.claims, "exp": "never"})),
    "no expiry": lambda f: f.signed(exp=...),
    "not yet valid": lambda f: f.signed(nbf=int(now()) + 600),
    "issued in the future": lambda f: f.signed(iat=int(now()) + 600),
    "no issue time": lambda f: f.signed(iat=...),
    "other audience": lambda f: f.signed(aud="data"),
    "audience in a list": lambda f: f.signed(aud=["procurement", "data"]),
    "no audience": lambda f: f.signed(aud=...),
    "other issuer": lambda f: f.signed(iss="elsewhere"),
    "no issuer": lambda f: f.signed(iss=...),
    "no subject": lambda f: f.signed(sub=...),
    "no session": lambda f: f.signed(sid=...),
    "session that never was": lambda f: f.signed(sid="00000000-0000-7000-8000-000000000000"),
    "session that is no id": lambda f: f.signed(sid="' OR 1=1 --"),
    "session with NUL": lambda f: f.signed(sid="\x00"),
    "unknown kind": lambda f: f.signed(kind="root"),
    "a user as a service": lambda f: f.signed(kind="service"),
    "a service that is not configured": lambda f: f.signed(kind="service", sub="storage"),
    "type JWT": lambda f: f.signed(header={"typ": "JWT"}),
    "type refresh": lambda f: f.signed(header={"typ": "refresh"}),
    "type identity": lambda f: f.signed(header={"typ": "identity"}),
    "changed claims": lambda f: ".".join((f.genuine.split(".")[0], segment({**f.claims, "sub": "x"}), f.genuine.split(".")[2])),
    "changed signature": lambda f: f.genuine[:-10] + ("A" * 10 if not f.genuine.endswith("A" * 10) else "B" * 10),
    "no signature": lambda f: f.genuine.rpartition(".")[0] + ".",
    "two parts": lambda f: f.genuine.rpartition(".")[0],
    "four parts": lambda f: f.genuine + ".x",
    "five parts": lambda f: "a.b.c.d.e",
    "not base64": lambda f: "###.###.###",
    "not JSON": lambda f: f"{segment(b'hello')}.{segment(b'hello')}.x",
    "header is a list": lambda f: f"{segment([])}.{segment(f.claims)}.x",
    "deeply nested header": lambda f: f"{segment(b'[' * 2900)}.e30.x",
    "deeply nested claims": lambda f: f"{segment(f.header)}.{segment(b'[' * 2000)}.x",
    "invalid UTF-8 claims": lambda f: f"{segment(f.header)}.{segment(bytes([255, 254]))}.x",
    "20 KB": lambda f: f.genuine + "A" * 20_000,
    "empty": lambda f: "",
    "spaces": lambda f: "   ",
    "dots": lambda f: "..",
    "an API key": lambda f: "pk_abcdefgh_" + "x" * 43,
    "non-ASCII": lambda f: "\xff\xfe",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_a_forged_token_is_refused(name: str, gateway: Any, fresh_echo: Any) -> None:
    token = ATTACKS[name](Forge(gateway))
    head = f"GET /api/v1/data/sales HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
    answer = gateway.raw(head.encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 401 "), answer
    assert b'"code":"invalid_token"' in answer
    assert b"www-authenticate: Bearer" in answer
    assert fresh_echo.seen == []


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Token x", "bearerx", "", "Digest x", "Bearer\tx"])
def test_other_schemes_are_refused(value: str, gateway: Any, fresh_echo: Any) -> None:
    with gateway.client() as client:
        assert client.get("/api/v1/data/sales", headers={"Authorization": value}).status_code == 401
    assert fresh_echo.seen == []


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(gateway: Any, fresh_echo: Any) -> None:
    tokens = gateway.login("admin@example.com", "correct horse battery").json()
    with gateway.client(Authorization=f"Bearer {tokens['refresh_token']}") as client:
        assert client.get("/api/v1/data/sales").status_code == 401
    with gateway.client() as client:
        swapped = client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["access_token"]})
    assert swapped.status_code == 401


def test_an_identity_token_is_no_access_token(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("admin") as client:
        client.get("/api/v1/data/sales")
    identity = dict(fresh_echo.last()["headers"])["x-identity-token"]
    with gateway.client(Authorization=f"Bearer {identity}") as client:
        assert client.get("/api/v1/data/sales").status_code == 401
    assert len(fresh_echo.seen) == 1


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "pk_",
        "pk_abcdefgh_" + "x" * 43,
        "pk_ABCDEFGH_" + "x" * 43,
        "pk_abcdefgh_" + "x" * 42,
        "%00",
        "' OR 1=1 --",
        "pk_abcdefgh_" + "x" * 43 + "\xa0",
    ],
)
def test_a_key_nobody_made_is_refused(key: str, gateway: Any, fresh_echo: Any) -> None:
    with gateway.client() as client:
        response = client.get("/api/v1/data/sales", headers={"X-API-Key": key.encode("latin-1")})
    assert response.status_code == 401
    assert fresh_echo.seen == []
