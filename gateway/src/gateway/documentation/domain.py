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
class PublicRoute:
    """`methods` in lower case, with the roles each needs (None: anybody)."""

    outside: str
    inside: str
    upstream: str
    methods: Mapping[str, frozenset[str] | None]


def merge(
    routes: Iterable[PublicRoute], documents: Mapping[str, Document], *, version: str, description: str
) -> dict[str, Any]:
    """Only what the routes let through is described; parts of a service that is away are named, not invented."""
    renamed = {name: _namespaced(name, document) for name, document in documents.items()}
    shapes = {name: _by_shape(document["paths"]) for name, document in renamed.items()}
    paths: dict[str, Any] = {}
    for route in routes:
        item = shapes.get(route.upstream, {}).get(_shape(route.inside))
        if item is None:
            continue
        operations = {
            method: _operation(route.upstream, item[method], roles)
            for method, roles in route.methods.items()
            if method in item
        }
        if operations:
            paths[_named_like(route.outside, item["x-inside"])] = {**_path_parameters(item), **operations}
    schemas: dict[str, Any] = {}
    for name in sorted(renamed):
        schemas |= renamed[name].get("components", {}).get("schemas", {})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Procurement platform", "version": version, "description": description},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": _SCHEMES},
    }


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


def _path_parameters(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"parameters": item["parameters"]} if "parameters" in item else {}


def _operation(upstream: str, operation: Mapping[str, Any], roles: frozenset[str] | None) -> dict[str, Any]:
    described = dict(operation)
    described["operationId"] = f"{upstream}_{operation['operationId']}"
    described["tags"] = [f"{upstream}: {tag}" for tag in operation.get("tags", ["other"])]
    if roles is None:
        described["security"] = []
    else:
        described["security"] = [{"bearer": []}, {"api_key": []}]
        described["x-roles"] = sorted(roles)
    return described
