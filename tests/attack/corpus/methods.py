"""Test 8 and the outside of test 13: methods nobody serves, and every method of every route without credentials."""

from tests.attack.corpus.requests import READ, READ_LINE, family, message, read
from tests.attack.payload import STRANGERS, Payload
from tests.attack.routes import Routes

_UNKNOWN = (
    "TRACE", "TRACK", "DEBUG", "OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "PURGE",
    "LINK", "BIND", "REPORT", "SUBSCRIBE", "SOURCE", "M-SEARCH", "QUERY", "BREW", "get", "Get", "GETX", "GE", "HEAD1",
    "G" * 5000, "G@T", "", "\xd0\x93\xd0\x95\xd0\xa2",
)  # fmt: skip
_OVERRIDES = (
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override", "X.HTTP.Method.Override",
)  # fmt: skip
_CONNECT = {
    "CONNECT to a service": b"CONNECT data-service:8000 HTTP/1.1\r\nHost: data-service:8000\r\n{auth}\r\n\r\n",
    "CONNECT to ourselves": b"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n\r\n",
    "CONNECT with a path": message(b"CONNECT " + READ + b" HTTP/1.1", b"Host: {host}", b"{auth}"),
    "CONNECT to metadata": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n{auth}\r\n\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n\r\n",
    "TRACE with credentials": message(b"TRACE " + READ + b" HTTP/1.1", b"Host: {host}", b"{auth}", b"Max-Forwards: 0"),
}


def payloads(routes: Routes) -> list[Payload]:
    unknown = {
        f"method {method[:20]!r}": message(
            method.encode("latin-1") + b" " + READ + b" HTTP/1.1", b"Host: {host}", b"{auth}"
        )
        for method in _UNKNOWN
    }
    # What begins like no method at all is no HTTP for some readers.
    refused = frozenset({400, 405, 414, 501})
    result = family("methods", 8, {**unknown, **_CONNECT}, refused=refused)
    overrides = {f"{name}: {to}": read(f"{name}: {to}".encode()) for name in _OVERRIDES for to in ("DELETE", "POST")}
    refused_overrides = {name: data for name, data in overrides.items() if "_" not in name and "." not in name}
    result += family("methods", 8, refused_overrides, refused=frozenset({400, 405}))
    # Aliases of the names: not seen by the service, which then serves the real method.
    aliases = {name: data for name, data in overrides.items() if name not in refused_overrides}
    result += family("methods", 8, aliases, refused=frozenset({400, 405}), reaches=READ_LINE)
    result += family("methods", 8, {"_method in the query": read().replace(READ, READ + b"?_method=DELETE")},
                     reaches=frozenset({"GET /v1/sales?_method=DELETE"}), refused=frozenset({422}))  # fmt: skip
    return result + _strangers(routes)


def _strangers(routes: Routes) -> list[Payload]:
    """Every route with every method, also those it does not have."""
    result = []
    for route in routes.all:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            listed = method in route.methods
            if listed and route.methods[method] is None:
                continue
            body = (b"Content-Length: 2", b"Content-Type: application/json") if method[0] == "P" else ()
            line = f"{method} {route.path} HTTP/1.1".encode()
            data = message(line, b"Host: {host}", b"{auth}", *body, body=b"{}" if body else b"")
            refused = frozenset({401}) if listed else frozenset({401, 404, 405})
            name = f"{method} {route.pattern} as a stranger"
            result.append(Payload(name, "methods", 13, data, refused, credentials=STRANGERS, head=method == "HEAD"))
    return result
