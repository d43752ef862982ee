"""Google's own description of its API, as an oracle for what a client sends and what the fake answers.

The discovery documents come with google-api-python-client. Two things the description does not say are normalised: a
JSON null means "not set", and requests may carry the system parameters of every Google API.
"""

import functools
import importlib.resources
import json
import re
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

DOCUMENTS = ("sheets.v4", "drive.v3")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; bodies are parsed JSON, or None when there was none."""

    method: str
    path: str
    query: dict[str, list[str]]
    request: Any
    status: int
    response: Any


@dataclass(frozen=True)
class ApiMethod:
    id: str
    verb: str
    path: re.Pattern[str]
    parameters: dict[str, Any]
    request: str | None
    response: str | None
    document: "Discovery" = field(repr=False)


class Discovery:
    """One discovery document, its schemas turned into JSON Schema (nothing undeclared is allowed)."""

    def __init__(self, name: str) -> None:
        folder = importlib.resources.files("googleapiclient") / "discovery_cache" / "documents"
        self._content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.system_parameters: dict[str, Any] = self._content["parameters"]
        definitions = {key: _json_schema(schema) for key, schema in self._content["schemas"].items()}
        self._root = {"$defs": definitions}
        prefix = "/" + self._content["servicePath"]
        self.methods = [self._method(prefix, method) for method in _methods(self._content)]

    def _method(self, prefix: str, method: dict[str, Any]) -> ApiMethod:
        return ApiMethod(
            id=method["id"],
            verb=method["httpMethod"],
            path=_path_pattern(prefix + method["path"]),
            parameters=method.get("parameters", {}),
            request=method.get("request", {}).get("$ref"),
            response=method.get("response", {}).get("$ref"),
            document=self,
        )

    def errors(self, schema: str, value: Any) -> list[str]:
        validator = Draft202012Validator({**self._root, "$ref": f"#/$defs/{schema}"})
        return [
            f"{'/'.join(map(str, error.path)) or '(top)'}: {error.message[:200]}"
            for error in validator.iter_errors(value)
        ]


def _methods(node: dict[str, Any]) -> list[dict[str, Any]]:
    own = list(node.get("methods", {}).values())
    for child in node.get("resources", {}).values():
        own.extend(_methods(child))
    return own


def _path_pattern(template: str) -> re.Pattern[str]:
    literal = re.split(r"\{\+?(\w+)\}", template)
    parts = [re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/:]+)" for index, part in enumerate(literal)]
    return re.compile("^" + "".join(parts) + "$")


def _json_schema(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    kind = node.get("type", "any")
    if kind == "any":
        return {}
    schema: dict[str, Any] = {"type": kind}
    if "enum" in node:
        schema["enum"] = node["enum"]
    if kind == "array":
        items = _json_schema(node["items"])
        if items:  # "anything" need not be checked value by value
            schema["items"] = items
    if kind == "object":
        schema["properties"] = {key: _json_schema(value) for key, value in node.get("properties", {}).items()}
        schema["additionalProperties"] = (
            _json_schema(node["additionalProperties"]) if "additionalProperties" in node else False
        )
    return schema


@functools.cache
def google_contract() -> "GoogleContract":
    """Reading the documents takes a while; they do not change."""
    return GoogleContract()


class GoogleContract:
    """Says what is wrong with an exchange; an empty list means Google's description allows it."""

    def __init__(self) -> None:
        self._methods = [method for name in DOCUMENTS for method in Discovery(name).methods]

    def problems(self, exchange: Exchange) -> list[str]:
        found = [(method, match) for method in self._methods if (match := self._match(method, exchange))]
        if not found:
            return [f"{exchange.method} {exchange.path}: no such method in the discovery documents"]
        # A more literal path wins, as in Google's router: `values:batchGet` before `values/{range}`.
        method, match = min(found, key=lambda entry: len(entry[0].path.groupindex))
        problems = self._parameter_problems(method, exchange, set(match.groupdict()))
        if method.request is None and exchange.request is not None:
            problems.append("a body where none is taken")
        if method.request is not None and exchange.request is not None:
            problems += [
                f"request {text}" for text in method.document.errors(method.request, without_nulls(exchange.request))
            ]
        if method.response is not None and exchange.status < 300:
            problems += [f"response {text}" for text in method.document.errors(method.response, exchange.response)]
        if exchange.status >= 400:
            problems += _error_problems(exchange)
        return [f"{method.id}: {problem}" for problem in problems]

    def _match(self, method: ApiMethod, exchange: Exchange) -> re.Match[str] | None:
        return method.path.match(exchange.path) if method.verb == exchange.method else None

    def _parameter_problems(self, method: ApiMethod, exchange: Exchange, in_path: set[str]) -> list[str]:
        known = {**method.document.system_parameters, **method.parameters}
        problems = []
        for name, values in exchange.query.items():
            if name not in known:
                problems.append(f"unknown parameter {name}")
            elif "enum" in known[name] and not set(values) <= set(known[name]["enum"]):
                problems.append(f"parameter {name} is {values}")
        for name, parameter in method.parameters.items():
            if parameter.get("required") and name not in in_path and name not in exchange.query:
                problems.append(f"parameter {name} is missing")
        return problems


def _error_problems(exchange: Exchange) -> list[str]:
    """Not in the documents, but fixed for all Google APIs. Source: AIP-193."""
    error = exchange.response.get("error") if isinstance(exchange.response, dict) else None
    if not isinstance(error, dict) or error.get("code") != exchange.status or not error.get("message"):
        return [f"status {exchange.status} without an error body"]
    return []


def without_nulls(value: Any) -> Any:
    """In the values of a range a null has a meaning of its own (leave the cell alone), which the schema allows."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
