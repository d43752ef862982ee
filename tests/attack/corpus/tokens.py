"""Test 12: tokens made to be believed, from nothing but what the gateway publishes and, when given, a genuine one."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.attack.corpus.requests import READ, message
from tests.attack.payload import Payload


def segment(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsegment(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class Published:
    """What anybody can learn: the key set, and the form of a token of ours."""

    jwks: dict[str, Any]
    genuine: str | None = None
    refresh: str | None = None

    @property
    def key(self) -> dict[str, Any]:
        return dict(self.jwks["keys"][0])

    @property
    def public(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(unsegment(self.key["x"]))

    @property
    def header(self) -> dict[str, Any]:
        if self.genuine is not None:
            return dict(jwt.get_unverified_header(self.genuine))
        return {"alg": "EdDSA", "typ": "access", "kid": self.key["kid"]}

    @property
    def claims(self) -> dict[str, Any]:
        if self.genuine is not None:
            return dict(jwt.decode(self.genuine, options={"verify_signature": False}))
        now = int(time.time())
        session = "01890000-0000-7000-8000-000000000000"
        return {
            "iss": "gateway",
            "aud": "procurement",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "sub": session,
            "kind": "user",
            "sid": session,
        }

    def raw(self, header: dict[str, Any], signature: str = "", claims: dict[str, Any] | None = None) -> str:
        return f"{segment({**self.header, **header})}.{segment({**self.claims, **(claims or {})})}.{signature}"

    def stranger(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        return jwt.encode(
            {**self.claims, **claims}, _STRANGER, algorithm="EdDSA", headers={**self.header, **(header or {})}
        )

    def hmac_with(self, secret: bytes, algorithm: str = "HS256") -> str:
        text = f"{segment({**self.header, 'alg': algorithm})}.{segment(self.claims)}"
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
        return f"{text}.{segment(hmac.new(secret, text.encode(), digest).digest())}"


_STRANGER = Ed25519PrivateKey.generate()
_RSA = generate_private_key(65537, 2048)
_STRANGER_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": segment(_STRANGER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
}
_PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
_DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
_RAW = (Encoding.Raw, PublicFormat.Raw)

_LONG_NUMBER = b'{"exp":' + b"9" * 2500 + b"}"

FORGERIES: dict[str, Callable[[Published], str]] = {
    **{f"alg {name!r}": (lambda p, name=name: p.raw({"alg": name})) for name in ("none", "None", "NONE", "nOnE", "", "EdDSA ", "eddsa", "Ed448")},
    "alg null": lambda p: p.raw({"alg": None}),
    "alg missing": lambda p: f"{segment({'typ': 'access', 'kid': p.key['kid']})}.{segment(p.claims)}.",
    "alg in a list": lambda p: p.raw({"alg": ["EdDSA", "none"]}),
    **{
        f"{algorithm} with the public key as {name}": (lambda p, a=algorithm, f=form: p.hmac_with(p.public.public_bytes(*f), a))
        for algorithm in ("HS256", "HS384", "HS512")
        for name, form in (("PEM", _PEM), ("DER", _DER), ("raw bytes", _RAW))
    },
    "HS256 with the key without its last line break": lambda p: p.hmac_with(p.public.public_bytes(*_PEM).strip()),
    "HS256 with the key as JWK": lambda p: p.hmac_with(json.dumps(p.key).encode()),
    "HS256 with the key as dense JWK": lambda p: p.hmac_with(json.dumps(p.key, separators=(",", ":")).encode()),
    "HS256 with the key set": lambda p: p.hmac_with(json.dumps(p.jwks).encode()),
    "HS256 with the text of x": lambda p: p.hmac_with(p.key["x"].encode()),
    "HS256 with kid": lambda p: p.hmac_with(str(p.key["kid"]).encode()),
    "HS256 with nothing": lambda p: p.hmac_with(b""),
    "HS256 with secret": lambda p: p.hmac_with(b"secret"),
    "RS256 of a stranger": lambda p: jwt.encode(p.claims, _RSA, algorithm="RS256", headers={k: v for k, v in p.header.items() if k != "alg"}),
    "PS256 of a stranger": lambda p: jwt.encode(p.claims, _RSA, algorithm="PS256", headers={k: v for k, v in p.header.items() if k != "alg"}),
    "a stranger's key under our kid": lambda p: p.stranger(),
    **{
        f"kid {kid!r}": (lambda p, kid=kid: p.stranger({"kid": kid}))
        for kid in ("other", "", "../../dev/null", "/dev/null", "' OR 1=1 --", "0", "http://127.0.0.1/key", "x\x00y")
    },
    "kid in a list": lambda p: p.raw({"kid": ["a"]}, "x"),
    "kid null": lambda p: p.raw({"kid": None}, "x"),
    "key in the header": lambda p: p.stranger({"jwk": _STRANGER_JWK}),
    "key in the header with our kid": lambda p: p.stranger({"jwk": {**_STRANGER_JWK, "kid": p.key["kid"]}}),
    "key by address (jku)": lambda p: p.stranger({"jku": "http://127.0.0.1:1/jwks.json"}),
    "certificate by address (x5u)": lambda p: p.stranger({"x5u": "http://127.0.0.1:1/cert"}),
    "certificate inside (x5c)": lambda p: p.stranger({"x5c": ["MIIB"]}),
    "critical extension": lambda p: p.stranger({"crit": ["exp"]}),
    "payload not encoded": lambda p: p.stranger({"crit": ["b64"], "b64": False}),
    "compressed": lambda p: p.stranger({"zip": "DEF"}),
    "nested": lambda p: p.stranger({"cty": "JWT"}),
    "expired": lambda p: p.stranger(exp=int(time.time()) - 60),
    "without an end": lambda p: p.stranger(exp=2**62),
    "valid from tomorrow": lambda p: p.stranger(nbf=int(time.time()) + 86400),
    "issued tomorrow": lambda p: p.stranger(iat=int(time.time()) + 86400),
    "other audience": lambda p: p.stranger(aud="data"),
    "other issuer": lambda p: p.stranger(iss="elsewhere"),
    "service": lambda p: p.stranger(kind="service", sub="data", sid=""),
    "typ JWT": lambda p: p.stranger({"typ": "JWT"}),
    "typ refresh": lambda p: p.stranger({"typ": "refresh"}),
    "typ identity": lambda p: p.stranger({"typ": "identity"}),
    "no signature": lambda p: p.raw({}),
    "signature of zeros": lambda p: p.raw({}, segment(bytes(64))),
    "signature of the neutral element": lambda p: p.raw({}, segment(b"\x01" + bytes(63))),
    "two parts": lambda p: p.raw({}).rpartition(".")[0],
    "four parts": lambda p: p.stranger() + ".x",
    "encrypted form": lambda p: "a.b.c.d.e",
    "no base64": lambda p: "###.###.###",
    "no JSON": lambda p: f"{segment(b'hello')}.{segment(b'hello')}.x",
    "header in a list": lambda p: f"{segment([])}.{segment(p.claims)}.x",
    "claims in a list": lambda p: f"{segment(p.header)}.{segment([])}.x",
    "nested 3,000 deep": lambda p: f"{segment(b'[' * 2900)}.e30.x",
    "claims nested 2,000 deep": lambda p: f"{segment(p.header)}.{segment(b'[' * 2000)}.x",
    "number of 4,000 digits": lambda p: f"{segment(p.header)}.{segment(_LONG_NUMBER)}.x",
    "claims no text": lambda p: f"{segment(p.header)}.{segment(bytes([255, 254]))}.x",
    "20 KB": lambda p: p.stranger() + "A" * 20_000,
    "spaces": lambda p: "   ",
    "dots": lambda p: "..",
    "API key as a token": lambda p: "pk_abcdefgh_" + "x" * 43,
    "non-ASCII": lambda p: "\xff\xfe",
}  # fmt: skip
_SPOILT: dict[str, Callable[[str], str]] = {
    "changed subject": lambda t: _with_claims(t, sub="01890000-0000-7000-8000-000000000001"),
    "added roles": lambda t: _with_claims(t, roles=["admin"]),
    "made a service": lambda t: _with_claims(t, kind="service", sid="", sub="data"),
    "prolonged": lambda t: _with_claims(t, exp=2**33),
    "changed header": lambda t: segment({**jwt.get_unverified_header(t), "x": 1}) + t[t.index(".") :],
    "changed signature": lambda t: t[:-12] + ("A" * 10 if t[-12:-2] != "A" * 10 else "B" * 10) + t[-2:],
    "signature turned around": lambda t: t.rpartition(".")[0] + "." + segment(unsegment(t.rpartition(".")[2])[::-1]),
    "cut by one": lambda t: t[:-1],
    "cut in half": lambda t: t[: len(t) // 2],
    "one longer": lambda t: t + "A",
    "twice": lambda t: t + t,
    "with itself": lambda t: f"{t}, {t}",
    "with a space inside": lambda t: t[:20] + " " + t[20:],
}


def _with_claims(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{segment({**json.loads(unsegment(body)), **claims})}.{signature}"


def payloads(published: Published) -> list[Payload]:
    table = {name: forge(published) for name, forge in FORGERIES.items()}
    if published.genuine is not None:
        table |= {f"genuine, {name}": spoil(published.genuine) for name, spoil in _SPOILT.items()}
    if published.refresh is not None:
        table["refresh token as access token"] = published.refresh
    result = [_bearing(name, f"Bearer {token}") for name, token in table.items()]
    schemes = (
        "Basic YTpi",
        "Bearer",
        "Token x",
        "bearerx",
        "Digest x",
        "Negotiate x",
        "Bearer\tx",
        "Bearer  ",
        ",Bearer x",
    )
    result += [_bearing(f"scheme {scheme!r}", scheme) for scheme in schemes]
    result.append(_bearing("token of 10 MB", "Bearer " + "A" * 10_000_000, frozenset({400, 401, 431})))
    line = b"GET " + READ + b" HTTP/1.1"
    elsewhere = {
        "token in the query": (b"GET " + READ + b"?access_token=x HTTP/1.1", b"X-A: 1"),
        "token in a cookie": (line, b"Cookie: access_token=x; session=x"),
        "key that is none": (line, b"X-API-Key: pk_abcdefgh_" + b"x" * 43),
        "key that is SQL": (line, b"X-API-Key: ' OR 1=1 --"),
        "key empty": (line, b"X-API-Key:"),
        "credentials twice": (line, b"Authorization: Bearer x\r\nAuthorization: Bearer y"),
        "proxy credentials": (line, b"Proxy-Authorization: Basic YTpi"),
    }
    refused = frozenset({400, 401})
    result += [
        Payload(name, "tokens", 12, message(first, b"Host: {host}", header), refused, credentials=("none",))
        for name, (first, header) in elsewhere.items()
    ]
    return result


def _bearing(name: str, value: str, refused: frozenset[int] = frozenset({401})) -> Payload:
    if not value.isascii() or "\x00" in value or len(value) > 8000:
        refused |= {400, 431}
    head = f"GET {READ.decode()} HTTP/1.1\r\nHost: {{host}}\r\nAuthorization: {value}\r\n\r\n"
    return Payload(name, "tokens", 12, head.encode("latin-1"), refused, credentials=("none",), seconds=20)
