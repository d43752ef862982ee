"""Response headers: what a service says to us only, and what callers get."""

from collections.abc import Iterable, Sequence

_NEVER_PASSED = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"server",
        b"date",
        b"x-powered-by",
        b"x-request-id",
        b"x-identity-token",
        b"set-cookie",
        b"alt-svc",
    }
)
_PLAIN_CONNECTIONS = frozenset({b"keep-alive", b"close"})
BODILESS_STATUSES = frozenset({204, 304})


def passed_headers(
    headers: Iterable[tuple[bytes, bytes]], status: int, location: tuple[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    """`location`: the path prefix inside the service and the one that stands for it outside.

    Names must be in lower case.
    """
    passed, connection = [], b""
    for header in headers:
        name = header[0]
        if name not in _NEVER_PASSED:
            passed.append(header)
        elif name == b"connection":
            connection = header[1]
    if status in BODILESS_STATUSES:
        passed = [header for header in passed if header[0] != b"content-length"]
    if b"," in connection or connection.lower() not in {b"", b"close", b"keep-alive"}:
        listed = {token.strip().lower() for token in connection.split(b",")}
        passed = [header for header in passed if header[0] not in listed]
    if 201 <= status < 400:
        passed = [(n, outside_location(v, *location)) if n == b"location" else (n, v) for n, v in passed]
    return passed


def passed_lines(
    headers: Sequence[tuple[bytes, bytes]], status: int, location: tuple[bytes, bytes]
) -> tuple[bytes, bool, bool]:
    """`passed_headers` as they stand in an answer, in one go; whether there is a length, and a Cache-Control."""
    if status != 200:
        headers = passed_headers(headers, status, location)
    lines: list[bytes] = []
    has_length = has_cache_control = False
    for header in headers:
        name = header[0]
        if name not in _NEVER_PASSED:
            lines.append(b"%b: %b\r\n" % header)
            if name == b"content-length":
                has_length = True
            elif name == b"cache-control":
                has_cache_control = True
        elif name == b"connection" and header[1] not in _PLAIN_CONNECTIONS:
            return passed_lines(passed_headers(headers, status, location), status, location)
    return b"".join(lines), has_length, has_cache_control


def outside_location(value: bytes, inner: bytes, outer: bytes) -> bytes:
    """`/v1/runs/7` of forecast-service is `/api/v1/forecast/runs/7` to callers."""
    return outer + value[len(inner) :] if inner != outer and value.startswith(inner + b"/") else value


def header_value(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """All values of a header, joined as the protocol joins them."""
    values = [value for given, value in headers if given == name]
    return b", ".join(values) if values else None
