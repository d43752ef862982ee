"""Request headers: what the gateway reads itself, what it passes on, and what never gets through."""

import math
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
    b"upgrade": "upgrade",
    b"x-request-timeout-ms": "timeout_ms",
}
_READ_AND_PASSED = {
    b"accept": "accept",
    b"accept-language": "accept_language",
    b"accept-encoding": "accept_encoding",
    b"cache-control": "cache_control",
    b"if-none-match": "if_none_match",
    b"if-modified-since": "if_modified_since",
    b"range": "range",
}
# What else goes on to a service. Nothing that is not listed here does: not under an alias with `_` or `.`, not a name
# that some server somewhere believes (X-User, X-Forwarded-Host, X-Amzn-Oidc-Data …), no cookie, nothing hop-by-hop.
_PASSED = frozenset(
    {
        b"accept-charset",
        b"content-digest",
        b"content-disposition",
        b"content-encoding",
        b"content-language",
        b"content-md5",
        b"content-type",
        b"idempotency-key",
        b"if-match",
        b"if-range",
        b"if-unmodified-since",
        b"last-event-id",
        b"origin",
        b"pragma",
        b"prefer",
        b"referer",
        b"sec-websocket-extensions",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
        b"user-agent",
    }
)
_METHOD_OVERRIDES = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
_HOST = re.compile(
    rb"(?:[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE
)
_MILLISECONDS = re.compile(rb"[1-9][0-9]{0,8}")
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
    return (_PASS if name in _PASSED else _DROP), ""


_ACTIONS: dict[bytes, tuple[int, str]] = {}


class RequestHeaders:
    """One request's headers, sorted out in one pass. `passed` go on as they came, in their order."""

    __slots__ = (
        "_block",
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
        "if_modified_since",
        "if_none_match",
        "passed",
        "range",
        "request_id",
        "timeout_ms",
        "traceparent",
        "transfer_encoding",
        "upgrade",
    )

    def __init__(self) -> None:
        self._block: bytes | None = None
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
        self.if_modified_since: bytes | None = None
        self.if_none_match: bytes | None = None
        self.range: bytes | None = None
        self.request_id: bytes | None = None
        self.timeout_ms: bytes | None = None
        self.traceparent: bytes | None = None
        self.transfer_encoding: bytes | None = None
        self.upgrade: bytes | None = None

    @property
    def timeout_seconds(self) -> float:
        """How long the caller waits for the answer; infinite when it does not say, or says nonsense."""
        given = self.timeout_ms
        return int(given) / 1000 if given is not None and _MILLISECONDS.fullmatch(given) else math.inf

    @property
    def is_nameless(self) -> bool:
        """Neither an id nor a trace was given."""
        return self.request_id is None and self.traceparent is None

    @property
    def block(self) -> bytes:
        """`passed` as it stands in a request, each line begun by a line end; put together once."""
        if self._block is None:
            self._block = b"".join([b"\r\n%b: %b" % header for header in self.passed])
        return self._block


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
