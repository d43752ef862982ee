"""The table of routes as an outsider reads it, and an oracle: where a request may end up, decided without the gateway."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import yaml

ROUTES_FILE = Path(__file__).resolve().parents[2] / "gateway/src/gateway/access/routes.yaml"
OWN = "answered by the gateway"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_UUID = "01890000-0000-7000-8000-000000000001"
_VALUES = {"sku": "A-1", "code": "S1", "name": "run_completed", "asset": "page.js"}
_CLEAR = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+)+")


@dataclass(frozen=True)
class Route:
    """`methods`: who may, by method; None is anybody, also a stranger."""

    pattern: str
    upstream: str
    prefix: str
    becomes: str
    methods: dict[str, frozenset[str] | None]
    cached: bool

    @property
    def path(self) -> str:
        """With something plausible for each parameter."""
        return re.sub(r"\{(\w+)\}", lambda found: _VALUES.get(found[1], _UUID), self.pattern)

    @property
    def protected(self) -> bool:
        return all(roles is not None for roles in self.methods.values())

    def inner(self, path: str) -> str:
        return self.becomes + path[len(self.prefix) :]

    def matches(self, segments: list[str]) -> bool:
        own = self.pattern.split("/")[1:]
        return len(own) == len(segments) and all(
            mine.startswith("{") or mine == given for mine, given in zip(own, segments, strict=True)
        )

    def fixed(self) -> int:
        return sum(not segment.startswith("{") for segment in self.pattern.split("/"))


class Routes:
    def __init__(self, file: Path = ROUTES_FILE) -> None:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        groups = {name: frozenset(roles) for name, roles in document["groups"].items()}
        self.all = [
            _route(name, service, below, methods, groups)
            for name, service in document["services"].items()
            for below, methods in service["routes"].items()
        ]
        self.protected = [route for route in self.all if route.protected]
        self.cached = [route for route in self.protected if route.cached]

    def reachable(self, method: str, target: str, roles: frozenset[str]) -> frozenset[str]:
        """The request lines a service may see for this target, if its path can be read in one way only.

        `OWN` stands for what the gateway answers itself.
        """
        path, _, query = target.partition("?")
        if not _CLEAR.fullmatch(path):
            return frozenset()
        segments = [unquote_to_bytes(segment) for segment in path.split("/")[1:]]
        if any(_ambiguous(segment) for segment in segments):
            return frozenset()
        decoded = [segment.decode() for segment in segments]
        found = sorted((route for route in self.all if route.matches(decoded)), key=Route.fixed, reverse=True)
        if not found or method not in found[0].methods:
            return frozenset()
        allowed = found[0].methods[method]
        if allowed is not None and not allowed & roles:
            return frozenset()
        if found[0].upstream == "gateway":
            return frozenset({OWN})
        canonical = "".join("/" + quote(segment, safe="!$&'()*+,=:@~-._") for segment in decoded)
        return frozenset({f"{method} {found[0].inner(canonical)}" + (f"?{query}" if query else "")})


def _ambiguous(segment: bytes) -> bool:
    try:
        text = segment.decode()
    except UnicodeDecodeError:
        return True
    return (
        segment in {b".", b".."}
        or any(char in "/\\;" or ord(char) < 0x20 or ord(char) == 0x7F for char in text)
        or re.search(r"%[0-9A-Fa-f]{2}", text) is not None
    )


def _route(name: str, service: Any, below: str, methods: Any, groups: dict[str, frozenset[str]]) -> Route:
    allowed: dict[str, frozenset[str] | None] = {}
    cached = False
    for method, given in methods.items():
        if method not in METHODS:
            continue
        group = given if isinstance(given, str) else given["allow"]
        allowed[method] = None if group == "anyone" else groups[group]
        cached = cached or (isinstance(given, dict) and bool(given.get("cache_seconds")))
    upstream = service.get("upstream") or name
    return Route(service["prefix"] + below, upstream, service["prefix"], service["becomes"], allowed, cached)
