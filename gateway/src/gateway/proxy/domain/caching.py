"""What a shared cache may keep for one caller, and for how long, after RFC 9111; stricter where there is a choice."""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeAlias

from gateway.proxy.domain.responses import header_value

# Answers may differ by these; what differs by anything else that reaches a service is not kept.
VARYING = (b"accept", b"accept-language", b"accept-encoding")
# Part of the identity in the key, or never passed on to a service.
_SETTLED = frozenset({b"authorization", b"x-api-key", b"x-acting-for", b"x-identity-token", b"cookie", b"host"})
_KEPT = frozenset(
    {
        b"content-type",
        b"content-encoding",
        b"content-language",
        b"content-disposition",
        b"content-location",
        b"last-modified",
        b"vary",
        b"link",
    }
)
_FORBIDDING = frozenset({b"no-store", b"private", b"no-cache"})
_STRICT = frozenset({b"must-revalidate", b"proxy-revalidate", b"s-maxage"})
_DIRECTIVE = re.compile(rb'([^\s,;="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?')
_SECONDS = re.compile(rb"[0-9]{1,10}")
# Callers ask again every time: only the gateway hears of changes, and it answers 304 from memory.
_CONTROL = (b"cache-control", b"private, no-cache")

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Varying: TypeAlias = tuple[bytes | None, ...]
CacheKey: TypeAlias = tuple[str, bytes, Varying]


class Freshness(NamedTuple):
    """In seconds: `lifetime` in all, `age` when it arrived; then how long after its life it may still be served:
    `stale` while a fresh one is fetched, `error` while none can be had.
    """

    lifetime: int
    age: int
    stale: int
    error: int


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """Always a 200. `made_at` in seconds since the epoch; `generation` of its tags when its making began.

    `headers` are those of the answer apart from age and cache-status; `block` is the same as bytes of a head.
    """

    kept: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: bytes
    has_own_etag: bool
    made_at: float
    lifetime: int
    stale_seconds: int
    error_seconds: int
    generation: str
    headers: tuple[tuple[bytes, bytes], ...] = field(init=False, compare=False)
    block: bytes = field(init=False, compare=False)
    fresh_until: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        headers = (*self.kept, (b"etag", self.etag), _CONTROL, (b"content-length", b"%d" % len(self.body)))
        object.__setattr__(self, "headers", headers)
        object.__setattr__(self, "block", b"".join(b"%b: %b\r\n" % header for header in headers))
        object.__setattr__(self, "fresh_until", self.made_at + self.lifetime)

    def age(self, now: float) -> int:
        return max(0, int(now - self.made_at))

    def ttl(self, now: float) -> int:
        """Seconds of freshness left; negative when stale."""
        return self.lifetime - self.age(now) if now < self.fresh_until else -math.ceil(now - self.fresh_until)

    def hit_lines(self, now: float) -> bytes:
        """What comes after `block` when it is served as it is."""
        age = self.age(now)
        return b"age: %d\r\ncache-status: gateway; hit; ttl=%d\r\n" % (age, self.lifetime - age)

    @property
    def size(self) -> int:
        """Bytes it takes in memory, roughly."""
        return len(self.body) + 2 * len(self.block) + 700

    @property
    def validators(self) -> list[tuple[bytes, bytes]]:
        """Conditions by which the service can say that nothing changed."""
        found = [(b"if-none-match", self.etag)] if self.has_own_etag else []
        modified = header_value(self.kept, b"last-modified")
        return [*found, (b"if-modified-since", modified)] if modified is not None else found


def cache_key(identity: str, target: bytes, varying: Varying) -> CacheKey:
    """`identity` holds the subject and the rights: nobody ever meets an answer made for another or for other rights.

    `varying`: the values of the headers in `VARYING`.
    """
    return identity, target, varying


def digest_of(identity: str, target: bytes, varying: Varying = ()) -> str:
    digest = hashlib.blake2b(identity.encode(), digest_size=24)
    for part in (target, *varying):
        digest.update(b"\n-" if part is None else b"\n+%d:" % len(part) + part)
    return digest.hexdigest()


def directives(value: bytes | None) -> dict[bytes, bytes]:
    """Of a Cache-Control header: names in lower case, quotes removed; contradictory ones lose their value."""
    found: dict[bytes, bytes] = {}
    for given, quoted, plain in _DIRECTIVE.findall(value or b""):
        name, argument = given.lower(), quoted or plain
        found[name] = argument if found.get(name, argument) == argument else b""
    return found


def seconds_in(argument: bytes | None) -> int | None:
    """Of a directive; None when it is missing or not a number."""
    return int(argument) if argument is not None and _SECONDS.fullmatch(argument) else None


def variation(headers: Headers) -> str | None:
    """Which of `VARYING` the answer depends on, as a mask such as "100"; None when it depends on something else."""
    names = {name.strip().lower() for name in (header_value(headers, b"vary") or b"").split(b",")} - {b""}
    if names - _SETTLED - set(VARYING):
        return None
    return "".join("1" if name in names else "0" for name in VARYING)


def is_storable(status: int, headers: Headers) -> bool:
    """Whatever its freshness. Answers to callers with credentials may be kept because the key holds who they are."""
    control = directives(header_value(headers, b"cache-control"))
    return (
        status == 200
        and control.keys().isdisjoint(_FORBIDDING)
        and header_value(headers, b"set-cookie") is None
        and header_value(headers, b"content-range") is None
        and variation(headers) is not None
    )


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a route allows, in seconds; a service may say less."""

    lifetime: int
    stale: int = 0
    error: int = 0


def freshness(headers: Headers, allowed: Allowance, now: float) -> Freshness | None:
    """None when it is not fresh at all."""
    control = directives(header_value(headers, b"cache-control"))
    age = seconds_in(header_value(headers, b"age")) or 0
    lifetime = min(allowed.lifetime, _stated_lifetime(headers, control, allowed.lifetime, now))
    if lifetime <= age:
        return None
    if control.keys() & _STRICT:
        return Freshness(lifetime, age, 0, 0)
    stale = _at_most(control, b"stale-while-revalidate", allowed.stale)
    return Freshness(lifetime, age, stale, _at_most(control, b"stale-if-error", allowed.error))


def _at_most(control: dict[bytes, bytes], name: bytes, allowed: int) -> int:
    return min(allowed, seconds_in(control[name]) or 0) if name in control else allowed


def _stated_lifetime(headers: Headers, control: dict[bytes, bytes], default: int, now: float) -> int:
    for name in (b"s-maxage", b"max-age"):
        if name in control:
            return seconds_in(control[name]) or 0
    expires = header_value(headers, b"expires")
    if expires is None:
        return default
    until, since = http_date(expires), http_date(header_value(headers, b"date"))
    return 0 if until is None else int(until - (now if since is None else since))


def http_date(value: bytes | None) -> float | None:
    """Seconds since the epoch; None when it is no date."""
    try:
        parsed = parsedate_to_datetime((value or b"").decode("latin-1"))
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Told:
    """A service's answer: its headers as they `came`, for judging, and as callers get them, for `keeping`."""

    status: int
    came: Headers
    keeping: Headers


def stored_response(told: Told, body: bytes, generation: str, allowed: Allowance, now: float) -> StoredResponse | None:
    """None when it must not be kept. Names must be in lower case."""
    fresh = freshness(told.came, allowed, now) if is_storable(told.status, told.came) else None
    if fresh is None:
        return None
    etag, is_own = etag_of(told.came, body)
    return _stored(kept_headers(told.keeping), body, (etag, is_own), generation, fresh, now)


def revalidated(
    stored: StoredResponse, told: Told, generation: str, allowed: Allowance, now: float
) -> StoredResponse | None:
    """After the service said 304; None when it must not be kept any more. Source: RFC 9111, sections 3.2 and 4.3.4."""
    etag = header_value(told.came, b"etag") or stored.etag
    is_same = etag.removeprefix(b"W/") == stored.etag.removeprefix(b"W/")
    fresh = freshness(told.came, allowed, now) if is_same and is_storable(200, told.came) else None
    if fresh is None:
        return None
    newer = kept_headers(told.keeping)
    replaced = {name for name, _ in newer}
    kept = (*(header for header in stored.kept if header[0] not in replaced), *newer)
    return _stored(kept, stored.body, (stored.etag, stored.has_own_etag), generation, fresh, now)


def _stored(
    kept: tuple[tuple[bytes, bytes], ...],
    body: bytes,
    tag: tuple[bytes, bool],
    generation: str,
    fresh: Freshness,
    now: float,
) -> StoredResponse:
    return StoredResponse(kept, body, *tag, now - fresh.age, fresh.lifetime, fresh.stale, fresh.error, generation)


def kept_headers(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value) for name, value in headers if name in _KEPT)


def etag_of(headers: Headers, body: bytes) -> tuple[bytes, bool]:
    """The service's own, or one made of the body; and whether it is the service's own."""
    own = header_value(headers, b"etag")
    if own is not None:
        return own, True
    return b'"%s"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode(), False
