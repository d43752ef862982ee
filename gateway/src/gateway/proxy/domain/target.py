"""The request target: one canonical form, decided on and forwarded as the very same bytes."""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from gateway.proxy.domain.violations import ViolationError

MAX_TARGET_BYTES = 8192
# Characters a segment may hold as they are (RFC 3986, section 3.3), without `;`: some servers cut parameters there.
_PLAIN_PATH = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+")
_PATH = re.compile(rb"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+)+|/")
_QUERY = re.compile(rb"[\x21-\x7e]*")
_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SAFE = "!$&'()*+,=:@~-._"
_DOUBLE = re.compile(rb"%[0-9A-Fa-f]{2}")


def canonical_path(raw: bytes) -> bytes:
    """Every segment decoded once, judged, and encoded again in the one way; static segments stay as they are.

    Raises: ViolationError 400 for what could mean something else to another reader of the path, 414 when too long.
    """
    if len(raw) > MAX_TARGET_BYTES:
        raise ViolationError(414, f"The path is longer than {MAX_TARGET_BYTES} bytes.")
    if _PLAIN_PATH.fullmatch(raw):
        return raw
    if not _PATH.fullmatch(raw):
        raise ViolationError(
            400, "The path holds an empty segment, `;`, `\\`, or a character that must be percent-encoded."
        )
    if raw == b"/":
        return raw
    return b"".join(b"/" + _canonical_segment(segment) for segment in raw.split(b"/")[1:])


def _canonical_segment(segment: bytes) -> bytes:
    decoded = unquote_to_bytes(segment)
    if decoded in {b".", b".."}:
        raise ViolationError(400, "The path holds a `.` or `..` segment; send the path they lead to.")
    if any(byte < 0x20 or byte == 0x7F for byte in decoded):
        raise ViolationError(400, "The path holds an encoded control character.")
    if b"/" in decoded or b"\\" in decoded or b";" in decoded:
        raise ViolationError(400, "The path holds an encoded `/`, `\\` or `;`.")
    if _DOUBLE.search(decoded):
        raise ViolationError(400, "The path is percent-encoded twice.")
    try:
        decoded.decode("utf-8")
    except UnicodeDecodeError:
        raise ViolationError(400, "The path is not UTF-8.") from None
    return quote_from_bytes(decoded, safe=_SAFE).encode("ascii")


def checked_query(query: bytes, path_length: int) -> bytes:
    """The query as it came. Raises: ViolationError 400 or 414."""
    if not query:
        return query
    if path_length + len(query) > MAX_TARGET_BYTES:
        raise ViolationError(414, f"Path and query are longer than {MAX_TARGET_BYTES} bytes.")
    if not _QUERY.fullmatch(query):
        raise ViolationError(400, "The query holds a character that must be percent-encoded.")
    if b"%" in query and (_ESCAPE.search(query) or b"%00" in query):
        raise ViolationError(400, "The query holds an encoded NUL or a `%` that begins no escape.")
    return query
