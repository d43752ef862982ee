"""Test 18 from outside: nothing kept for one caller reaches another, and nothing unkeyed gets into what is kept."""

from tests.attack.corpus.requests import get
from tests.attack.payload import Payload
from tests.attack.routes import Routes

_UNKEYED = (
    b"X-Forwarded-Host: poisoned.example", b"X-Forwarded-Scheme: poisoned.example", b"X-Host: poisoned.example",
    b"X-Original-URL: /poisoned.example", b"Forwarded: host=poisoned.example", b"X-Forwarded-Prefix: /poisoned.example",
)  # fmt: skip
_DISGUISES = (
    "/x.css",
    ".css",
    "%2ecss",
    "/..%2fx.css",
    ";x.css",
    "%00.css",
    "?x.css",
    "%0a.css",
    "/x.js?a=b",
    "%23x.css",
    "%3fx.css",
)


def payloads(routes: Routes, roles: frozenset[str]) -> list[Payload]:
    result = []
    for route in routes.cached:
        plain = routes.reachable("GET", route.path, roles)
        for header in _UNKEYED:
            name = f"{header.decode()} for {route.pattern}"
            data = get(route.path.encode(), header)
            result.append(Payload(name, "cache", 18, data, frozenset({400}), plain))
        for disguise in _DISGUISES:
            target = route.path + disguise
            reaches = routes.reachable("GET", target, roles)
            name = f"{route.pattern} disguised by {disguise}"
            refused = frozenset({400, 401, 403, 404, 405})
            result.append(Payload(name, "cache", 18, get(target.encode()), refused, reaches))
    return result
