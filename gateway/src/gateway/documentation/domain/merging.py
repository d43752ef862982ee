"""Merges the services' OpenAPI documents into the one that callers see."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

# The same in every service, so kept once.
_COMMON_SCHEMAS = frozenset({"Problem", "ProblemError"})
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of POST /api/v1/auth/login.",
    },
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


@dataclass(frozen=True)
class Terms:
    """What the table of routes says about one method. `roles` None: anybody; `own`: served by the gateway itself."""

    roles: frozenset[str] | None
    permit: str
    is_counted: bool
    is_upload: bool
    is_own: bool


@dataclass(frozen=True)
class PublicRoute:
    """`methods` in lower case."""

    outside: str
    inside: str
    upstream: str
    methods: Mapping[str, Terms]


@dataclass(frozen=True)
class Operation:
    """`described` is the operation object; `terms` decide who may see it."""

    path: str
    method: str
    terms: Terms
    described: dict[str, Any]
    path_parameters: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Merged:
    operations: tuple[Operation, ...]
    schemas: Mapping[str, Any]


def merge(routes: Iterable[PublicRoute], documents: Mapping[str, Document]) -> Merged:
    """Only what the routes let through is described; parts of a service that is away are left out, not invented."""
    renamed = {name: _namespaced(name, document) for name, document in documents.items()}
    shapes = {name: _by_shape(document["paths"]) for name, document in renamed.items()}
    operations: list[Operation] = []
    for route in routes:
        item = shapes.get(route.upstream, {}).get(_shape(route.inside))
        if item is None:
            continue
        path = _named_like(route.outside, item["x-inside"])
        shared = tuple(item.get("parameters", ()))
        operations += [
            Operation(path, method, terms, _operation(route.upstream, item[method], terms), shared)
            for method, terms in route.methods.items()
            if method in item
        ]
    schemas: dict[str, Any] = {}
    for name in sorted(renamed):
        schemas |= renamed[name].get("components", {}).get("schemas", {})
    return Merged(tuple(sorted(operations, key=lambda one: one.path)), dict(sorted(schemas.items())))


def assemble(
    operations: Iterable[Operation], components: Mapping[str, Any], *, version: str, description: str
) -> dict[str, Any]:
    """The document with these operations, and of the components only what they lead to."""
    paths: dict[str, Any] = {}
    for operation in operations:
        item = paths.setdefault(operation.path, {})
        if operation.path_parameters:
            item["parameters"] = list(operation.path_parameters)
        item[operation.method] = operation.described
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Procurement platform", "version": version, "description": description},
        "paths": paths,
    }
    used = _reachable(document, components)
    return {**document, "components": {**used, "securitySchemes": _SCHEMES}}


def _reachable(document: Any, components: Mapping[str, Any]) -> dict[str, Any]:
    """Component kind → name → component, for everything that is referred to, directly or not."""
    used: dict[str, dict[str, Any]] = {kind: {} for kind in components}
    waiting = list(_references(document))
    while waiting:
        kind, name = waiting.pop()
        if name in used.get(kind, {}) or name not in components.get(kind, {}):
            continue
        used[kind][name] = components[kind][name]
        waiting += _references(components[kind][name])
    return {kind: dict(sorted(named.items())) for kind, named in used.items() if named}


def _references(value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "$ref" and isinstance(inner, str) and inner.startswith("#/components/"):
                kind, _, name = inner.removeprefix("#/components/").partition("/")
                yield kind, name
            elif key == "mapping" and isinstance(inner, Mapping):
                yield from _references([{"$ref": target} for target in inner.values()])
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _namespaced(name: str, document: Document) -> dict[str, Any]:
    """Schema `Page` of data becomes `data.Page`, wherever it is named."""
    schemas = document.get("components", {}).get("schemas", {})
    text = json.dumps(document)
    for schema in schemas:
        if schema not in _COMMON_SCHEMAS:
            text = text.replace(f'"#/components/schemas/{schema}"', f'"#/components/schemas/{name}.{schema}"')
    renamed: dict[str, Any] = json.loads(text)
    components = renamed.setdefault("components", {})
    components["schemas"] = {
        schema if schema in _COMMON_SCHEMAS else f"{name}.{schema}": value
        for schema, value in components.get("schemas", {}).items()
    }
    return renamed


def _shape(path: str) -> tuple[str, ...]:
    """Parameters may be called differently in the table of routes and in the service."""
    return tuple("{}" if part.startswith("{") else part for part in path.split("/"))


def _by_shape(paths: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    return {_shape(path): {**item, "x-inside": path} for path, item in paths.items()}


def _named_like(outside: str, inside: str) -> str:
    """The path callers use, its parameters named as the service's operations name them."""
    names = iter(part for part in inside.split("/") if part.startswith("{"))
    return "/".join(next(names, part) if part.startswith("{") else part for part in outside.split("/"))


def _operation(upstream: str, operation: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    described = dict(operation)
    described["operationId"] = f"{upstream}_{operation['operationId']}"
    described["tags"] = [f"{upstream}: {tag}" for tag in operation.get("tags", ["other"])]
    described.setdefault("summary", operation["operationId"].replace("_", " ").capitalize())
    if terms.roles is None:
        described["security"] = []
    else:
        described["security"] = [{"bearer": []}, {"api_key": []}]
        described["x-roles"] = sorted(terms.roles)
        described["x-permit"] = terms.permit
    return described
