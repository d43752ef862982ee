"""Test 23: ids a caller gives are taken when they are ids, and never carry anything into a log or an answer."""

from tests.attack.corpus.requests import READ_LINE, family, read
from tests.attack.payload import Payload

_ZERO = b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01"
_TRACES = {
    "of zeros": _ZERO,
    "with parent of zeros": b"00-" + b"1" * 32 + b"-" + b"0" * 16 + b"-01",
    "in capitals": b"00-" + b"A" * 32 + b"-" + b"B" * 16 + b"-01",
    "too short": b"00-1-2-01",
    "too long": b"00-" + b"1" * 32 + b"-" + b"1" * 16 + b"-01-extra",
    "of version ff": b"ff-" + b"1" * 32 + b"-" + b"1" * 16 + b"-01",
    "of no hex": b"00-" + b"z" * 32 + b"-" + b"1" * 16 + b"-01",
    "in a list": _ZERO + b"," + _ZERO,
    "of 10 KB": b"0" * 10_000,
    "with a quote": b'00-"}{"-1-01',
    "with an escape": b"\x1b[31m",
    "in Unicode": "трасса".encode(),
    "empty": b"",
}
_IDS = {
    "of 10 KB": b"a" * 10_000,
    "with a quote": b'a","level":"critical',
    "with spaces": b"a b",
    "with an escape": b"a[31m",
    "with a template": b"${jndi:ldap://127.0.0.1/a}",
    "with markup": b"<script>alert(1)</script>",
    "with an encoded line break": b"a%0d%0aX-User-Id:%20forged",
    "with braces": b"{{7*7}}",
    "in Unicode": "номер".encode(),
    "a path": b"../../etc/passwd",
    "SQL": b"' OR 1=1 --",
    "empty": b"",
}


def payloads() -> list[Payload]:
    table = {f"traceparent {name}": read(b"traceparent: " + value) for name, value in _TRACES.items()}
    table |= {f"request id {name}": read(b"X-Request-Id: " + value) for name, value in _IDS.items()}
    table["two traces"] = read(b"traceparent: " + _ZERO, b"traceparent: " + _ZERO)
    table["two request ids"] = read(b"X-Request-Id: a", b"X-Request-Id: b")
    table["tracestate of 8 KB"] = read(b"tracestate: " + b"a=b," * 2000)
    table["baggage"] = read(b"baggage: userId=" + b"a" * 9000)
    return family("tracing", 23, table, refused=frozenset({400, 431}), reaches=READ_LINE)
