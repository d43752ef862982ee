"""What a caller asks of the cache: directives of the request and its conditions."""

import re
from dataclasses import dataclass

from gateway.proxy.domain.caching import Headers, StoredResponse, directives, http_date, seconds_in
from gateway.proxy.domain.headers import RequestHeaders
from gateway.proxy.domain.responses import header_value

_TAG = re.compile(rb'(?:W/)?"[^"]*"')
# About the body that a 304 does not have.
_OF_THE_BODY = frozenset(
    {b"content-type", b"content-encoding", b"content-language", b"content-disposition", b"content-length"}
)


def is_plain(headers: RequestHeaders) -> bool:
    """Nothing asked that a fresh answer as it is would not meet."""
    return (
        headers.cache_control is None
        and headers.if_none_match is None
        and headers.if_modified_since is None
        and headers.range is None
    )


@dataclass(frozen=True, slots=True)
class Demands:
    """The request's Cache-Control. Source: RFC 9111, section 5.2.1.

    Seconds; None when not asked. `max_stale`: an answer may be stale for so long.
    """

    bypasses: bool
    is_fresh_wanted: bool
    only_if_cached: bool
    max_age: int | None
    min_fresh: int
    max_stale: int | None

    @classmethod
    def of(cls, headers: RequestHeaders) -> "Demands":
        asked = directives(headers.cache_control)
        max_stale = None
        if b"max-stale" in asked:
            max_stale = seconds_in(asked[b"max-stale"])
            max_stale = 2**31 if max_stale is None and asked[b"max-stale"] == b"" else max_stale
        return cls(
            bypasses=headers.range is not None or b"no-store" in asked,
            is_fresh_wanted=b"no-cache" in asked,
            only_if_cached=b"only-if-cached" in asked,
            max_age=(seconds_in(asked[b"max-age"]) or 0) if b"max-age" in asked else None,
            min_fresh=seconds_in(asked.get(b"min-fresh")) or 0,
            max_stale=max_stale,
        )

    def refuses(self, stored: StoredResponse, now: float) -> bool:
        """The answer is fresh, but not as fresh as the caller wants it."""
        too_old = self.max_age is not None and stored.age(now) > self.max_age
        return self.is_fresh_wanted or too_old or stored.ttl(now) < self.min_fresh

    def takes_stale(self, stored: StoredResponse, now: float, *, instead_of_error: bool = False) -> bool:
        """The answer is stale; whether this caller takes it while a fresh one is fetched, or instead of an error."""
        seconds = now - stored.fresh_until
        bound = stored.error_seconds if instead_of_error else stored.stale_seconds
        if self.max_stale is not None:
            bound = min(bound, self.max_stale)
        return seconds <= bound and not (self.is_fresh_wanted or self.max_age is not None or self.min_fresh)


def is_unchanged(if_none_match: bytes | None, etag: bytes) -> bool:
    """Weak comparison. Source: RFC 9110, section 13.1.2."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == b"*":
        return True
    return etag.removeprefix(b"W/") in {tag.removeprefix(b"W/") for tag in _TAG.findall(if_none_match)}


def is_known(headers: RequestHeaders, stored: StoredResponse) -> bool:
    """Whether the caller has this very answer already; a date counts only where no tag is given."""
    if headers.if_none_match is not None:
        return is_unchanged(headers.if_none_match, stored.etag)
    since = http_date(headers.if_modified_since)
    modified = http_date(header_value(stored.kept, b"last-modified"))
    return since is not None and modified is not None and modified <= since


def headers_of_304(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [header for header in headers if header[0] not in _OF_THE_BODY]
