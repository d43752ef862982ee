"""The table of routes: what exists, who serves it, who may call it, how often and how much."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

ROLES = frozenset({"admin", "manager", "buyer", "ops", "service"})
READING = frozenset({"GET", "HEAD"})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
OWN = "gateway"  # the upstream that is this very process


@dataclass(frozen=True, slots=True)
class Rate:
    """`requests` at once, and again as many within every `seconds`."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class RateClass:
    """How often one caller may use the routes of this class; each kind of caller has a rate of its own.

    A `strict` class keeps its promise with a tenth of the rate when the shared counters are away.
    """

    name: str
    anonymous: Rate
    user: Rate
    api_key: Rate
    service: Rate
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Permission:
    """One method of one route. `roles` None means anybody, also without a token; `rate` None means not counted.

    `permit` is what an API key must hold when its permits are limited: "<service>:read" or "<service>:write".
    `tags` name what a kept answer is made of, or, of a method that writes, what it changes (none: the whole service).
    """

    roles: frozenset[str] | None
    rate: RateClass | None
    permit: str
    cache_seconds: int = 0
    stale_seconds: int = 0
    error_seconds: int = 0
    tags: tuple[str, ...] = ()
    upload: bool = False
    long: bool = False
    websocket: bool = False

    def allows_permits(self, permits: frozenset[str] | None) -> bool:
        """None holds all; a route that needs no role needs no permit either."""
        return permits is None or self.roles is None or self.permit in permits

    def allows(self, roles: frozenset[str]) -> bool:
        return self.roles is None or not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is the pattern seen from outside; `prefix` of it is replaced by `becomes` for the upstream.

    `locations`: both prefixes as bytes, inner first.
    """

    path: str
    upstream: str
    prefix: str
    becomes: str
    permissions: Mapping[str, Permission]
    allow: str = field(init=False)
    locations: tuple[bytes, bytes] = field(init=False)
    _cut: int = field(init=False)
    _put: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", ", ".join(m for m in METHODS if m in self.permissions))
        object.__setattr__(self, "locations", (self.becomes.encode("ascii"), self.prefix.encode("ascii")))
        object.__setattr__(self, "_cut", len(self.prefix))
        object.__setattr__(self, "_put", self.becomes.encode("ascii"))

    def inner_path(self, path: bytes) -> bytes:
        """The bytes that were authorised, with nothing but the fixed prefix exchanged."""
        return self._put + path[self._cut :]


class RouteConflictError(ValueError):
    """Two patterns of the table stand for the same paths."""


class _Node:
    __slots__ = ("parameter", "route", "static")

    def __init__(self) -> None:
        self.static: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None
        self.route: Route | None = None


class RouteTable:
    """Finds the route of a canonical path; a fixed segment wins over a parameter, as in the services' own routers."""

    def __init__(self, routes: tuple[Route, ...], address_rate: Rate, failure_rate: Rate) -> None:
        self.routes = routes
        self.address_rate = address_rate
        self.failure_rate = failure_rate
        self._root = _Node()
        self._exact: dict[bytes, Route] = {}
        for route in routes:
            self._add(route)

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)

    @property
    def services(self) -> frozenset[str]:
        """Those that need an address in the settings: all but this process itself."""
        return frozenset(route.upstream for route in self.routes) - {OWN}

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.encode("ascii").split(b"/")[1:]:
            if segment.startswith(b"{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.static.setdefault(segment, _Node())
        if node.route is not None:
            raise RouteConflictError(f"{route.path} and {node.route.path} stand for the same paths")
        node.route = route
        if "{" not in route.path:
            self._exact[route.path.encode("ascii")] = route

    def match(self, path: bytes) -> Route | None:
        return self._exact.get(path) or _find(self._root, path.split(b"/")[1:], 0)


def _find(node: _Node, segments: list[bytes], position: int) -> Route | None:
    if position == len(segments):
        return node.route
    segment = segments[position]
    fixed = node.static.get(segment)
    if fixed is not None and (found := _find(fixed, segments, position + 1)) is not None:
        return found
    if node.parameter is not None and segment:
        return _find(node.parameter, segments, position + 1)
    return None


@dataclass(frozen=True, slots=True)
class AccessScope:
    """The part of the company a caller may see and change. None is all of that kind, an empty set is none of it."""

    categories: frozenset[str] | None = None
    suppliers: frozenset[str] | None = None
    warehouses: frozenset[str] | None = None

    @property
    def claim(self) -> dict[str, list[str]]:
        """As identity tokens carry it: a member that is not limited is absent."""
        members = {"categories": self.categories, "suppliers": self.suppliers, "warehouses": self.warehouses}
        return {name: sorted(codes) for name, codes in members.items() if codes is not None}

    @classmethod
    def of_claim(cls, claim: Mapping[str, Iterable[str]] | None) -> "AccessScope | None":
        return cls(**{name: frozenset(codes) for name, codes in claim.items()}) if claim else None


_CODE = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_MAX_SCOPE_CHARACTERS = 6000  # the scope travels in a header with every request


def scope_problem(scope: AccessScope) -> str | None:
    """What is wrong with it, None when nothing: codes that are none, or more than a header can carry."""
    for member, codes in scope.claim.items():
        if wrong := [code for code in codes if not _CODE.fullmatch(code) or code != code.strip()]:
            return f"{member}: {wrong[0][:40]!r} is no code; codes have 1 to 100 characters"
    if len(json.dumps(scope.claim)) > _MAX_SCOPE_CHARACTERS:
        return f"the codes are longer than {_MAX_SCOPE_CHARACTERS} characters together; limit by category instead"
    return None


def narrowed(one: AccessScope | None, other: AccessScope | None) -> AccessScope | None:
    """What both allow; None is everything."""
    if one is None or other is None:
        return one or other
    return AccessScope(
        _both(one.categories, other.categories),
        _both(one.suppliers, other.suppliers),
        _both(one.warehouses, other.warehouses),
    )


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
