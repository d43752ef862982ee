"""Test 5: paths that another reader would take for somewhere else, made from every protected route."""

from collections.abc import Callable, Iterable

from tests.attack.corpus.requests import get
from tests.attack.payload import EVERYBODY, Credentials, Payload
from tests.attack.routes import Route, Routes

# From a place anybody may go to, back to where only some may.
_PUBLIC = ("/docs", "/health/live", "/.well-known/jwks.json", "/api/v1/auth/login")
_STEPS = (
    "/..", "/%2e%2e", "/.%2e", "/%2E.", "/..;", "/..;x=1", "/..%00", "/..%2f..", "/..%5c..", "/..\\..", "/%252e%252e", "/%c0%ae%c0%ae",
    "/%e0%80%ae%e0%80%ae", "/..%0d%0a", "/..%20", "/..%09", "/./..", "//..", "/x/../..", "/%uff0e%uff0e", "/..%ff", "/..%23", "/..#", "/..%3f",
)  # fmt: skip
_Form = Callable[[str], str]


def _last(path: str, change: Callable[[str], str]) -> str:
    head, _, tail = path.rpartition("/")
    return f"{head}/{change(tail)}"


_FORMS: dict[str, _Form] = {
    "doubled first slash": lambda p: "/" + p,
    "tripled first slash": lambda p: "//" + p,
    "doubled last slash": lambda p: _last(p, lambda t: "/" + t),
    "slash behind": lambda p: p + "/",
    "slashes behind": lambda p: p + "//",
    "dot behind": lambda p: p + ".",
    "dot segment behind": lambda p: p + "/.",
    "encoded dot segment behind": lambda p: p + "/%2e",
    "dot segment before": lambda p: "/." + p,
    "encoded dot segment before": lambda p: "/%2e" + p,
    "dot segment inside": lambda p: _last(p, lambda t: "./" + t),
    "there and back": lambda p: p + "/x/..",
    "there and back, encoded": lambda p: p + "/x/%2e%2e",
    "up and down again": lambda p: _last(p, lambda t: f"{t}/../{t}"),
    "up and down again, encoded": lambda p: _last(p, lambda t: f"{t}/%2e%2e/{t}"),
    "above the root": lambda p: "/.." + p,
    "above the root, encoded": lambda p: "/%2e%2e" + p,
    "encoded slash before": lambda p: "/%2f" + p[1:],
    "encoded last slash": lambda p: p[: p.rindex("/")] + "%2F" + p[p.rindex("/") + 1 :],
    "encoded slash behind": lambda p: p + "%2f",
    "encoded backslash behind": lambda p: p + "%5c",
    "backslash before": lambda p: "\\" + p,
    "backslash for a slash": lambda p: p[: p.rindex("/")] + "\\" + p[p.rindex("/") + 1 :],
    "semicolon behind": lambda p: p + ";",
    "parameter behind": lambda p: p + ";a=b",
    "semicolon before": lambda p: "/;" + p,
    "encoded semicolon behind": lambda p: p + "%3b",
    "NUL behind": lambda p: p + "%00",
    "NUL and an ending behind": lambda p: p + "%00.css",
    "line break behind": lambda p: p + "%0a",
    "header behind": lambda p: p + "%0d%0aX-User-Id:%20forged",
    "space behind": lambda p: p + "%20",
    "tab behind": lambda p: p + "%09",
    "delete behind": lambda p: p + "%7f",
    "fragment behind": lambda p: p + "#",
    "encoded fragment behind": lambda p: p + "%23",
    "encoded query behind": lambda p: p + "%3f",
    "half an escape": lambda p: p + "%",
    "broken escape": lambda p: p + "%zz",
    "half a byte": lambda p: p + "%2",
    "escape of IIS": lambda p: p + "%u002f",
    "byte that is no text": lambda p: p + "%ff",
    "overlong slash": lambda p: p.replace("/v1", "%c0%afv1", 1) if "/v1" in p else p + "%c0%af",
    "full-width slash": lambda p: p[: p.rindex("/")] + "%ef%bc%8f" + p[p.rindex("/") + 1 :],
    "full-width dot": lambda p: p + "%ef%bc%8e",
    "encoded twice": lambda p: _last(p, lambda t: "%25" + f"{ord(t[0]):02x}" + t[1:]),
    "upper case": lambda p: p.upper(),
    "one upper case letter": lambda p: p[:1] + p[1:2].upper() + p[2:],
    "last segment capitalised": lambda p: _last(p, lambda t: t[:1].swapcase() + t[1:]),
    "ending of a picture": lambda p: p + ".png",
    "ending of a style": lambda p: p + ".css",
    "ending of a document": lambda p: p + ".json",
    "file below": lambda p: p + "/x.css",
    "long s for s": lambda p: p.replace("s", "%c5%bf", 1),
    "raw UTF-8": lambda p: p + "\xd1\x91",
    "inside name of the service": lambda p: p.replace("/api", "", 1),
    "prefix twice": lambda p: "/api" + p,
    "tilde behind": lambda p: p + "~",
    "first letter encoded": lambda p: f"/%{ord(p[1]):02x}" + p[2:],
    "last letter encoded": lambda p: p[:-1] + f"%{ord(p[-1]):02X}",
}


def payloads(routes: Routes, roles: frozenset[str]) -> list[Payload]:
    """Every form of every protected route as a stranger, and of one route of each service as somebody with `roles`."""
    result, served = [], set()
    for route in routes.protected:
        first = route.upstream not in served and "GET" in route.methods
        if first:
            served.add(route.upstream)
        credentials = EVERYBODY if first else ("none",)
        places = _PUBLIC if first else _PUBLIC[:1]
        for name, target in _targets(route.path, places):
            result.append(_payload(routes, roles, route, credentials, name, target))
    return result


def _targets(path: str, places: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name, form in _FORMS.items():
        yield name, form(path)
    for place in places:
        up = place.count("/")
        for step in _STEPS:
            yield f"{place}{step}", place + step * up + path


def _payload(
    routes: Routes, roles: frozenset[str], route: Route, credentials: tuple[Credentials, ...], name: str, target: str
) -> Payload:
    method = next(iter(route.methods))
    data = get(target.encode("latin-1")).replace(b"GET ", method.encode() + b" ", 1)
    if method not in {"GET", "HEAD", "DELETE"}:
        data = data.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    refused = frozenset({400, 401, 403, 404, 405, 414})
    reaches = routes.reachable(method, target, roles)
    title = f"{name} of {method} {route.pattern}"
    return Payload(title, "paths", 5, data, refused, reaches, credentials, head=method == "HEAD")
