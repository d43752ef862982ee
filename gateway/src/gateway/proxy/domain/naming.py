"""The id a request carries through all logs, and the trace it belongs to."""

import random
import re
import secrets
from typing import TypeAlias

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
# Ids must be unique, not secret; asking the kernel for randomness several times a request is dear.
_random_bits = random.Random(secrets.randbits(256)).getrandbits  # noqa: S311 -- see above


# Request id, trace id, traceparent. A plain tuple, since one is made for every request.
Names: TypeAlias = tuple[bytes, bytes, bytes]
NAMELESS: Names = (b"", b"", b"")


def new_names() -> Names:
    """The request's id is its trace's, and half of it that of the first span."""
    trace_id = b"%032x" % _random_bits(128)
    return (trace_id, trace_id, b"00-%b-%b-01" % (trace_id, trace_id[16:]))


def names_of(given_id: bytes | None, given_trace: bytes | None) -> Names:
    """A well-formed id is kept, a well-formed trace continued with a new span (W3C Trace Context); the rest is ours."""
    new = new_names()
    if given_id is None and given_trace is None:
        return new
    request_id, trace_id, traceparent = new
    found = _TRACEPARENT.fullmatch(given_trace) if given_trace is not None else None
    if found is not None:
        trace_id, flags = found.groups()
        traceparent = b"00-%b-%b-%b" % (trace_id, traceparent[36:52], flags)
    if given_id is not None and _REQUEST_ID.fullmatch(given_id):
        request_id = given_id
    return (request_id, trace_id, traceparent)
