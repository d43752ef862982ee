"""What a shared cache may keep for one caller, after RFC 9111, stricter where there is a choice."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.proxy.domain.responses import header_value

# Parts of the key; an answer that varies by anything else is not kept.
_KEYED = frozenset(
    {b"accept", b"accept-language", b"accept-encoding", b"authorization", b"x-api-key", b"x-identity-token"}
)
_KEPT = frozenset(
    {
        b"content-type",
        b"content-encoding",
        b"content-language",
        b"content-disposition",
        b"etag",
        b"last-modified",
        b"vary",
        b"link",
    }
)
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """Always a 200. `stored_at` in seconds since the epoch."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: bytes
    stored_at: float


def cache_key(identity: str, target: bytes, varying: Sequence[bytes | None]) -> str:
    """`identity` holds the subject and the roles: nobody ever meets an answer made for another or for other rights."""
    digest = hashlib.sha256(identity.encode())
    for part in (target, *varying):
        digest.update(b"\n-" if part is None else b"\n+%d:" % len(part) + part)
    return digest.hexdigest()


def directives(value: bytes | None) -> dict[bytes, bytes]:
    """Of a Cache-Control header: names in lower case, quotes removed."""
    found = {}
    for part in (value or b"").split(b","):
        name, _, argument = part.strip().partition(b"=")
        if name:
            found[name.lower()] = argument.strip(b'" ')
    return found


def seconds_to_keep(status: int, headers: Headers, allowed_seconds: int, body_size: int, max_body: int) -> int:
    """0 when the answer must not be kept."""
    control = directives(header_value(headers, b"cache-control"))
    if status != 200 or body_size > max_body or not control.keys().isdisjoint({b"no-store", b"private", b"no-cache"}):
        return 0
    if header_value(headers, b"set-cookie") is not None or header_value(headers, b"content-range") is not None:
        return 0
    varies = {name.strip().lower() for name in (header_value(headers, b"vary") or b"").split(b",") if name.strip()}
    if varies - _KEYED:
        return 0
    stated = control.get(b"s-maxage", control.get(b"max-age"))
    if stated is None:
        return allowed_seconds
    return min(allowed_seconds, int(stated)) if stated.isdigit() else 0


def kept_headers(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value) for name, value in headers if name in _KEPT)


def etag_of(headers: Headers, body: bytes) -> bytes:
    """The service's own, or one made of the body."""
    return header_value(headers, b"etag") or b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()


def is_unchanged(if_none_match: bytes | None, etag: bytes) -> bool:
    """Weak comparison. Source: RFC 9110, section 13.1.2."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == b"*":
        return True
    return etag.removeprefix(b"W/") in {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
