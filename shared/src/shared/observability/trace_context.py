"""W3C trace context: reading, validating and continuing the `traceparent` header."""

import re
import secrets

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


def is_traceparent(value: str | None) -> bool:
    return value is not None and _TRACEPARENT.match(value) is not None


def new_traceparent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child_of(traceparent: str | None) -> str:
    """The same trace with a new span; a new trace when the value is absent or malformed."""
    if traceparent is None or not is_traceparent(traceparent):
        return new_traceparent()
    version, trace, _span, flags = traceparent.split("-")
    return f"{version}-{trace}-{secrets.token_hex(8)}-{flags}"


def trace_id(traceparent: str | None) -> str | None:
    return traceparent.split("-")[1] if traceparent and is_traceparent(traceparent) else None
