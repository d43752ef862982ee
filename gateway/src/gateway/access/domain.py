"""The table of routes: what exists, who serves it, who may call it, how often and how much."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ROLES = frozenset({"admin", "manager", "buyer", "ops", "service"})
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
    """One method of one route. `roles` None means anybody, also without a token; `rate` None means not counted."""

    roles: frozenset[str] | None
    rate: RateClass | None
    cache_seconds: int = 0
    upload: bool = False
    long: bool = False

    def allows(self, roles: frozenset[str]) -> bool:
        return self.roles is None or not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is the pattern seen from outside; `prefix` of it is replaced by `becomes` for the upstream."""

    path: str
    upstream: str
    prefix: str
    becomes: str
    permissions: Mapping[str, Permission]
    allow: str = field(init=False)
    _cut: int = field(init=False)
    _put: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", ", ".join(m for m in METHODS if m in self.permissions))
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
