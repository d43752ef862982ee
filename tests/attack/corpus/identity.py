"""Tests 9 and 10: names only the gateway may speak in. Whatever a caller claims, the service hears who the token says."""

from tests.attack.corpus.requests import READ_LINE, WRITE_LINE, chunked, family, read
from tests.attack.payload import Payload

_NAMES = (
    "X-Identity-Token", "X-User-Id", "X-User-Roles", "X-User-Name", "X-User-Email", "X-User", "X-Roles", "X-Identity-Subject",
    "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
    "X-Forwarded-Server", "X-Forwarded-Client-Cert", "X-Forwarded-Access-Token", "X-Forwarded-Uri", "X-Forwarded-Method",
    "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-By", "X-Auth-User", "X-Auth-Request-User", "X-Auth-Request-Email", "X-Authenticated-User",
    "X-Auth-Roles", "X-Remote-User", "Remote-User", "X-Remote-Groups", "X-Client-Cert", "X-Client-Ip", "X-Client-Verify",
    "X-SSL-Client-DN", "X-SSL-Client-Verify", "X-Internal-Sig", "X-Internal-User", "X-Acting-Service", "X-Acting-As",
    "X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Original-Forwarded-For", "X-Rewrite-URL", "True-Client-IP", "X-Real-IP",
    "Forwarded", "Via", "Cookie", "X-Cluster-Client-Ip", "X-Envoy-External-Address", "X-Consumer-Id", "X-Consumer-Username",
    "X-Credential-Identifier", "X-Webauth-User", "X-Amzn-Oidc-Identity", "X-Goog-Authenticated-User-Email", "X-Ms-Client-Principal",
    "X-Token-Subject", "X-Request-Timeout-Ms", "X-Jwt-Assertion", "X-Jwt-Payload", "X-Userinfo", "X-Id-Token",
)  # fmt: skip
_CORE = (
    "X-Identity-Token",
    "X-User-Id",
    "X-Forwarded-For",
    "X-Forwarded-User",
    "X-Auth-User",
    "X-Request-Id",
    "X-Acting-For",
)
_SPELLINGS = {
    "with underscores": lambda name: name.replace("-", "_"),
    "with points": lambda name: name.replace("-", "."),
    "with one underscore": lambda name: name.replace("-", "_", 1),
    "with a point and an underscore": lambda name: name.replace("-", ".", 1).replace("-", "_", 1),
    "in capitals": str.upper,
    "in capitals with underscores": lambda name: name.upper().replace("-", "_"),
    "in mixed case": str.swapcase,
}
VALUE = b"198.51.100.66"  # an address too, so that it would be believed where an address is expected

_CONNECTION = {
    f"Connection: {listed.decode()}": read(b"Connection: " + listed)
    for listed in (
        b"x-identity-token", b"close, x-identity-token", b"X-Identity-Token, keep-alive", b"x-request-id, traceparent",
        b"x-forwarded-for, x-forwarded-proto", b"x-identity-token, x-forwarded-for, x-request-id, traceparent, host, content-length",
        b"authorization", b"authorization, x-api-key", b"host", b"upgrade", b"x-internal-sig", b"te, trailer", b"keep-alive, keep-alive",
        b"\tx-identity-token\t", b"x_identity_token", b",,x-identity-token,,", b"close,keep-alive",
    )
}  # fmt: skip
_UPGRADES = {
    "to h2c": read(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    "to h2c, header not listed": read(b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    "to a socket nobody serves": read(
        b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    ),
    "to a socket, wrong version": read(
        b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 777", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    ),
    "to TLS": read(b"Connection: Upgrade", b"Upgrade: TLS/1.0"),
}  # fmt: skip


def payloads() -> list[Payload]:
    claims = {name: read(f"{name}: ".encode() + VALUE) for name in _NAMES}
    claims |= {f"{name} twice": read(*[f"{name}: ".encode() + VALUE] * 2) for name in _CORE if name != "X-Acting-For"}
    claims |= {
        f"{name} {how}": read(f"{spell(name)}: ".encode() + VALUE)
        for name in _CORE
        for how, spell in _SPELLINGS.items()
        if spell(name).lower() != "x-acting-for"
    }
    claims["in a list of addresses"] = read(b"X-Forwarded-For: 127.0.0.1, " + VALUE + b", ::1")
    result = family("identity", 9, claims, refused=frozenset({400}), reaches=READ_LINE)
    acting = {"X-Acting-For: me": read(b"X-Acting-For: " + VALUE)}
    result += family("identity", 9, acting, refused=frozenset({400, 401, 403}))
    trailers = {f"{name} in the trailer": _trailer(name) for name in _CORE}
    result += family("identity", 9, trailers, refused=frozenset({400, 431}), reaches=WRITE_LINE)
    result += family("identity", 10, _CONNECTION, refused=frozenset({400}), reaches=READ_LINE)
    # A switch of protocols is never made for a route that does not speak it.
    result += family("identity", 10, _UPGRADES, refused=frozenset({400, 404, 405, 426, 501}), reaches=READ_LINE)
    return result


def _trailer(name: str) -> bytes:
    return chunked(b"2\r\n{}\r\n0\r\n" + name.encode() + b": " + VALUE + b"\r\n\r\n", b"Trailer: " + name.encode())
