"""How the families write their requests down."""

from tests.attack.payload import Payload

READ = b"/api/v1/data/sales"
WRITE = b"/api/v1/data/purchase-orders"
READ_LINE = frozenset({"GET /v1/sales"})
WRITE_LINE = frozenset({"POST /v1/purchase-orders"})


def message(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return line + b"\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def get(target: bytes, *headers: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return message(b"GET " + target + b" " + version, b"Host: {host}", b"{auth}", *headers)


def read(*headers: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return get(READ, *headers, version=version)


def post(*headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return message(b"POST " + WRITE + b" " + version, b"Host: {host}", b"{auth}", *headers, body=body)


def chunked(body: bytes, *headers: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", *headers, body=body)


def smuggled(where: bytes = WRITE) -> bytes:
    """The second request of a smuggling attempt: whoever serves it, serves an attacker."""
    return b"GET " + where + b" HTTP/1.1\r\nHost: smuggled\r\nX-Smuggled: yes\r\n\r\n"


def family(name: str, test: int, table: dict[str, bytes], **options: object) -> list[Payload]:
    return [Payload(title, name, test, data, **options) for title, data in table.items()]  # type: ignore[arg-type]
