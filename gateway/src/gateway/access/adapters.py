"""Reads the table of routes from its file and refuses one that says something unclear."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.access.domain import (
    METHODS,
    ROLES,
    Permission,
    Rate,
    RateClass,
    Route,
    RouteConflictError,
    RouteTable,
)
from gateway.access.errors import InvalidRoutesError

DEFAULT_FILE = Path(__file__).with_name("routes.yaml")
ANYONE = "anyone"
UNCOUNTED = "none"
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


class _Method(_Strict):
    allow: str
    rate: str | None = None
    cache_seconds: int = Field(0, ge=0, le=300)
    upload: bool = False
    long: bool = False

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


def load_routes(path: Path = DEFAULT_FILE) -> RouteTable:
    """Raises: InvalidRoutesError, naming the place, when the file is not a complete and clear table."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        file = _File.model_validate(document)
        rates = {name: _rate_class(name, rate) for name, rate in file.rates.items()}
        routes = [
            _route(name, service, below, methods, file.groups, rates)
            for name, service in file.services.items()
            for below, methods in service.routes.items()
        ]
        return RouteTable(tuple(routes), file.address_rate, file.failure_rate)
    except (OSError, yaml.YAMLError, ValidationError, RouteConflictError) as error:
        raise InvalidRoutesError(f"{path.name}: {error}") from error


def _rate_class(name: str, rate: _RateClass) -> RateClass:
    return RateClass(name, rate.anonymous, rate.user, rate.api_key, rate.service, rate.strict)


def _route(
    name: str,
    service: _Service,
    below: str,
    methods: Mapping[str, _Method],
    groups: Mapping[str, list[str]],
    rates: Mapping[str, RateClass],
) -> Route:
    path = service.prefix + below
    if not all(_SEGMENT.fullmatch(segment) for segment in path.split("/")[1:]) or not path.startswith("/"):
        raise InvalidRoutesError(f"{path}: segments are lower-case words or {{parameters}}, separated by one slash")
    if not methods:
        raise InvalidRoutesError(f"{path}: lists no method")
    permissions = {method: _permission(path, method, given, groups, rates) for method, given in methods.items()}
    return Route(path, service.upstream or name, service.prefix, service.becomes, permissions)


def _permission(
    path: str, method: str, given: _Method, groups: Mapping[str, list[str]], rates: Mapping[str, RateClass]
) -> Permission:
    place = f"{method} {path}"
    if method not in METHODS:
        raise InvalidRoutesError(f"{place}: not a method ({', '.join(METHODS)})")
    if given.allow != ANYONE and given.allow not in groups:
        raise InvalidRoutesError(f"{place}: allow is {ANYONE} or a group ({', '.join(groups)}), not {given.allow}")
    rate = given.rate or ("read" if method in {"GET", "HEAD"} else "write")
    if rate != UNCOUNTED and rate not in rates:
        raise InvalidRoutesError(f"{place}: there is no rate class {rate}")
    if given.cache_seconds and (method != "GET" or given.allow == ANYONE):
        raise InvalidRoutesError(f"{place}: only a GET that needs a role can be cached")
    return Permission(
        roles=None if given.allow == ANYONE else frozenset(groups[given.allow]),
        rate=None if rate == UNCOUNTED else rates[rate],
        cache_seconds=given.cache_seconds,
        upload=given.upload,
        long=given.long,
    )
