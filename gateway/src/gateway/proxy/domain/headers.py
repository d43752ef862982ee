"""Request headers: what the gateway reads itself, what it passes on, and what never gets through."""

import re
from collections.abc import Iterable

from gateway.proxy.domain.violations import ViolationError

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024

_PASS, _DROP, _READ, _READ_AND_PASS, _OVERRIDE = range(5)

# At most one of each may come.
_READ_ONCE = {
    b"host": "host",
    b"authorization": "authorization",
    b"x-api-key": "api_key",
    b"x-acting-for": "acting_for",
    b"content-length": "content_length",
    b"transfer-encoding": "transfer_encoding",
}
# Replaced by the gateway's own.
_READ_AND_REPLACED = {
    b"connection": "connection",
    b"x-request-id": "request_id",
    b"traceparent": "traceparent",
    b"x-forwarded-for": "forwarded_for",
    b"x-forwarded-proto": "forwarded_proto",
}
_READ_AND_PASSED = {
    b"accept": "accept",
    b"accept-language": "accept_language",
    b"accept-encoding": "accept_encoding",
    b"cache-control": "cache_control",
    b"if-none-match": "if_none_match",
    b"range": "range",
}
_HOP_BY_HOP = frozenset(
    {
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
        b"http2-settings",
        b"expect",
    }
)
# Names that only the gateway may speak in, and what the platform never uses (cookies carry nothing here).
_RESERVED = frozenset({b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"remote-user", b"tracestate", b"cookie"})
_RESERVED_PREFIXES = (
    b"x-user-",
    b"x-identity-",
    b"x-forwarded-",
    b"x-internal-",
    b"x-acting-",
    b"x-auth",
    b"x-client-",
    b"x-remote-",
    b"x-ssl-",
    b"x-original-",
    b"x-rewrite-",
)
_METHOD_OVERRIDES = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
_HOST = re.compile(
    rb"(?:[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE
)
_LENGTH = re.compile(rb"[0-9]{1,18}")


def _action_of(name: bytes) -> tuple[int, str]:
    if name in _READ_ONCE:
        return _READ, _READ_ONCE[name]
    if name in _READ_AND_PASSED:
        return _READ_AND_PASS, _READ_AND_PASSED[name]
    if name in _READ_AND_REPLACED:
        return _READ, _READ_AND_REPLACED[name]
    if name in _METHOD_OVERRIDES:
        return _OVERRIDE, ""
    return (_DROP if is_reserved(name) else _PASS), ""


def is_reserved(name: bytes) -> bool:
    """Whether a header must not come from outside; `_` and `.` count as `-`, as some servers read them so."""
    folded = name.lower().replace(b"_", b"-").replace(b".", b"-")
    return (
        folded in _HOP_BY_HOP
        or folded in _RESERVED
        or folded in _READ_ONCE
        or folded in _READ_AND_REPLACED
        or folded in _METHOD_OVERRIDES
        or folded.startswith(_RESERVED_PREFIXES)
    )


_ACTIONS: dict[bytes, tuple[int, str]] = {}


class RequestHeaders:
    """One request's headers, sorted out in one pass. `passed` go on as they came, in their order."""

    __slots__ = (
        "accept",
        "accept_encoding",
        "accept_language",
        "acting_for",
        "api_key",
        "authorization",
        "cache_control",
        "connection",
        "content_length",
        "forwarded_for",
        "forwarded_proto",
        "host",
        "if_none_match",
        "passed",
        "range",
        "request_id",
        "traceparent",
        "transfer_encoding",
    )

    def __init__(self) -> None:
        self.passed: list[tuple[bytes, bytes]] = []
        self.accept: bytes | None = None
        self.accept_encoding: bytes | None = None
        self.accept_language: bytes | None = None
        self.acting_for: bytes | None = None
        self.api_key: bytes | None = None
        self.authorization: bytes | None = None
        self.cache_control: bytes | None = None
        self.connection: bytes | None = None
        self.content_length: bytes | None = None
        self.forwarded_for: bytes | None = None
        self.forwarded_proto: bytes | None = None
        self.host: bytes | None = None
        self.if_none_match: bytes | None = None
        self.range: bytes | None = None
        self.request_id: bytes | None = None
        self.traceparent: bytes | None = None
        self.transfer_encoding: bytes | None = None


def screen(headers: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
    """Names must be in lower case. Raises: ViolationError 400, 405 or 431."""
    screened = RequestHeaders()
    passed = screened.passed
    count = size = 0
    for header in headers:
        name, value = header
        count += 1
        size += len(name) + len(value) + 4
        action, attribute = _ACTIONS.get(name) or _remember(name)
        if action == _PASS:
            passed.append(header)
        elif action == _READ_AND_PASS:
            passed.append(header)
            before = getattr(screened, attribute)
            setattr(screened, attribute, value if before is None else before + b", " + value)
        elif action == _READ:
            _read(screened, attribute, name, value)
        elif action == _OVERRIDE:
            raise ViolationError(405, "Method override headers are not taken; send the request with its real method.")
    if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise ViolationError(431, f"At most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes together are taken.")
    if screened.connection is not None:
        _drop_connection_listed(screened)
    return screened


def _remember(name: bytes) -> tuple[int, str]:
    action = _action_of(name)
    if len(_ACTIONS) < 2000 and len(name) < 64:
        _ACTIONS[name] = action
    return action


def _read(screened: RequestHeaders, attribute: str, name: bytes, value: bytes) -> None:
    before: bytes | None = getattr(screened, attribute)
    if before is None:
        setattr(screened, attribute, value)
    elif name in _READ_ONCE:
        raise ViolationError(400, f"The header {name.decode('latin-1')} was sent more than once.")
    else:
        setattr(screened, attribute, before + b"," + value)


def _drop_connection_listed(screened: RequestHeaders) -> None:
    """Runs before the gateway adds its own headers, so that a caller can never make those disappear."""
    connection = (screened.connection or b"").lower()
    if connection in {b"keep-alive", b"close", b""}:
        return
    listed = {token.strip() for token in connection.split(b",")}
    screened.passed = [header for header in screened.passed if header[0] not in listed]


def check_host(host: bytes | None, allowed: frozenset[bytes]) -> None:
    """Raises: ViolationError 400 when there is no single well-formed host, or it is not one of ours."""
    if host is None or not _HOST.fullmatch(host):
        raise ViolationError(400, "The Host header is missing or malformed.")
    if allowed and host.rpartition(b":")[0].lower() not in allowed and host.lower() not in allowed:
        raise ViolationError(400, "The Host header names a host that is not served here.")


def body_length(headers: RequestHeaders, http_version: str) -> int | None:
    """Bytes of the body: 0 for none, None when chunked. Raises: ViolationError 400."""
    coding, length = headers.transfer_encoding, headers.content_length
    if coding is not None:
        if length is not None or http_version == "1.0" or coding.strip().lower() != b"chunked":
            raise ViolationError(
                400, "Transfer-Encoding can only be `chunked`, with HTTP/1.1 and without Content-Length."
            )
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise ViolationError(400, "Content-Length is not a number of bytes.")
    return int(length)
