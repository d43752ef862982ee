"""Test 24 at the door: places inside, written in every way, wherever a request can name a place."""

from tests.attack.corpus.requests import READ, family, get, message
from tests.attack.payload import Payload

PLACES = (
    "169.254.169.254", "127.0.0.1", "localhost", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1", "017700000001",
    "127.0.0.1.nip.io", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "metadata.google.internal",
    "data-service:8000", "redis:6379", "postgres:5432", "rabbitmq:15672", "kubernetes.default.svc", "instance-data", "1.1.1.1@127.0.0.1",
    "127.0.0.1%00.example.com", "127.0.0.1#.example.com", "localhost\\@example.com", "①②⑦.⓪.⓪.①",
)  # fmt: skip
_SCHEMES = ("http", "https", "gopher", "file", "ftp", "dict", "ldap", "jar:http")


def payloads() -> list[Payload]:
    line = b"GET " + READ + b" HTTP/1.1"
    hosts = {f"Host {place}": message(line, f"Host: {place}".encode(), b"{auth}") for place in PLACES}
    served = frozenset({"GET /v1/sales"})
    result = family("urls", 24, hosts, refused=frozenset({400, 404, 421}), reaches=served)
    absolute = {f"target {place}": get(f"http://{place}".encode() + READ) for place in PLACES}
    absolute |= {f"target by {scheme}": get(f"{scheme}://127.0.0.1".encode() + READ) for scheme in _SCHEMES}
    result += family("urls", 24, absolute, refused=frozenset({400, 404, 421}), front_accepts=True)
    for name in ("url", "callback", "next", "redirect_uri", "target"):
        query = f"{name}=http%3A%2F%2F169.254.169.254%2F"
        data = get(READ + b"?" + query.encode())
        reaches = frozenset({f"GET /v1/sales?{query}"})
        result.append(Payload(f"{name} in the query", "urls", 24, data, frozenset({422}), reaches))
    return result
