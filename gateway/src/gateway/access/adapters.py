"""Reads the table of routes from its file and refuses one that says something unclear."""

import re
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.access.domain import (
    METHODS,
    READING,
    ROLES,
    Permission,
    Rate,
    RateClass,
    Route,
    RouteConflictError,
    RouteTable,
)
from gateway.access.errors import InvalidRoutesError

try:  # ten times faster, where the package was built with it
    from yaml import CSafeLoader as _SafeLoader
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

DEFAULT_FILE = Path(__file__).with_name("routes.yaml")
ANYONE = "anyone"
UNCOUNTED = "none"
_END = b"..."  # how YAML ends a document
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9._-]*|\.well-known|\{[a-z_]+\}")


def _parse_rate(value: Any) -> Any:
    """`600/60` is 600 requests in 60 seconds."""
    if isinstance(value, str) and re.fullmatch(r"[1-9]\d*/[1-9]\d*", value):
        requests, seconds = value.split("/")
        return Rate(int(requests), int(seconds))
    raise ValueError("a rate is written requests/seconds, for example 600/60")


_Rate = Annotated[Rate, BeforeValidator(_parse_rate)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _RateClass(_Strict):
    anonymous: _Rate
    user: _Rate
    api_key: _Rate
    service: _Rate
    strict: bool = False


_Tag = Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,39}$")]


class _Method(_Strict):
    allow: str
    rate: str | None = None
    cache_seconds: int = Field(0, ge=0, le=300)
    stale_seconds: int = Field(0, ge=0, le=300)
    error_seconds: int = Field(0, ge=0, le=300)
    tags: tuple[_Tag, ...] = ()
    upload: bool = False
    long: bool = False
    websocket: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"allow": value} if isinstance(value, str) else value


class _Service(_Strict):
    upstream: str | None = None
    prefix: str
    becomes: str
    routes: dict[str, dict[str, _Method]]


class _File(_Strict):
    groups: dict[str, list[str]]
    rates: dict[str, _RateClass]
    address_rate: _Rate
    failure_rate: _Rate
    services: dict[str, _Service]

    @model_validator(mode="after")
    def _check(self) -> "_File":
        for group, roles in self.groups.items():
            if unknown := set(roles) - ROLES:
                raise ValueError(f"group {group} names unknown roles: {', '.join(sorted(unknown))}")
        if missing := {"read", "write"} - set(self.rates):
            raise ValueError(f"rates lack the default classes: {', '.join(sorted(missing))}")
        return self


class _PlainLoader(_SafeLoader):
    """YAML that means what it says: keys are words, each once per mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is no text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_routes(path: Path) -> bytes:
    """Raises: InvalidRoutesError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRoutesError(f"{path.name} cannot be read: {error.strerror}") from error


def parse_routes(content: bytes, name: str, services: Collection[str] | None = None) -> RouteTable:
    """`services`: those that have an address; a table that needs another one is refused.

    Raises: InvalidRoutesError, naming the place, when the file `name` is not a complete and clear table.
    """
    if content.strip() and content.rstrip().rpartition(b"\n")[2] != _END:
        raise InvalidRoutesError(f"{name}: seems cut off, since its last line is not `...`")
    try:
        table = _table(_File.model_validate(yaml.load(content.decode("utf-8"), _PlainLoader)))  # noqa: S506
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, RouteConflictError) as error:
        raise InvalidRoutesError(f"{name}: {error}") from error
    except ValidationError as error:
        places = "; ".join(f"{_place(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        raise InvalidRoutesError(f"{name}: {places}") from error
    if services is not None and (missing := table.services - set(services)):
        names = ", ".join(f"GATEWAY_UPSTREAMS__{service.upper()}" for service in sorted(missing))
        raise InvalidRoutesError(f"{name}: needs the addresses of services that are not set: {names}")
    return table


def load_routes(path: Path = DEFAULT_FILE) -> RouteTable:
    """Whatever addresses there are. Raises: InvalidRoutesError."""
    return parse_routes(read_routes(path), path.name)


def _place(location: tuple[int | str, ...]) -> str:
    return " → ".join(str(part) for part in location) or "the file"


def _table(file: _File) -> RouteTable:
    rules = _Rules(file.groups, {name: _rate_class(name, rate) for name, rate in file.rates.items()})
    routes = [
        _route(name, service, below, methods, rules)
        for name, service in file.services.items()
        for below, methods in service.routes.items()
    ]
    return RouteTable(tuple(routes), file.address_rate, file.failure_rate)


@dataclass(frozen=True)
class _Rules:
    groups: Mapping[str, list[str]]
    rates: Mapping[str, RateClass]


def _rate_class(name: str, rate: _RateClass) -> RateClass:
    return RateClass(name, rate.anonymous, rate.user, rate.api_key, rate.service, rate.strict)


def _route(name: str, service: _Service, below: str, methods: Mapping[str, _Method], rules: _Rules) -> Route:
    path = service.prefix + below
    if not all(_SEGMENT.fullmatch(segment) for segment in path.split("/")[1:]) or not path.startswith("/"):
        raise InvalidRoutesError(f"{path}: segments are lower-case words or {{parameters}}, separated by one slash")
    if not methods:
        raise InvalidRoutesError(f"{path}: lists no method")
    upstream = service.upstream or name
    permissions = {method: _permission(path, method, given, upstream, rules) for method, given in methods.items()}
    return Route(path, upstream, service.prefix, service.becomes, permissions)


def _permission(path: str, method: str, given: _Method, upstream: str, rules: _Rules) -> Permission:
    place = f"{method} {path}"
    is_reading = method in READING
    if method not in METHODS:
        raise InvalidRoutesError(f"{place}: not a method ({', '.join(METHODS)})")
    if given.allow != ANYONE and given.allow not in rules.groups:
        raise InvalidRoutesError(
            f"{place}: allow is {ANYONE} or a group ({', '.join(rules.groups)}), not {given.allow}"
        )
    rate = given.rate or ("read" if is_reading else "write")
    if rate != UNCOUNTED and rate not in rules.rates:
        raise InvalidRoutesError(f"{place}: there is no rate class {rate}")
    if given.cache_seconds and (method != "GET" or given.allow == ANYONE):
        raise InvalidRoutesError(f"{place}: only a GET that needs a role can be cached")
    needs_cache = given.stale_seconds or given.error_seconds or (given.tags and is_reading)
    if needs_cache and not given.cache_seconds:
        raise InvalidRoutesError(f"{place}: stale_seconds, error_seconds and the tags of a read need cache_seconds")
    return Permission(
        roles=None if given.allow == ANYONE else frozenset(rules.groups[given.allow]),
        rate=None if rate == UNCOUNTED else rules.rates[rate],
        permit=f"{upstream}:{'read' if is_reading else 'write'}",
        cache_seconds=given.cache_seconds,
        stale_seconds=given.stale_seconds,
        error_seconds=given.error_seconds,
        tags=given.tags,
        upload=given.upload,
        long=given.long,
        websocket=given.websocket,
    )
