"""Adds to every operation what the door knows: the refusals it can give, rate-limit headers, and examples."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.documentation.domain.examples import NoExampleError, example_of
from gateway.documentation.domain.merging import Merged, Operation
from gateway.documentation.domain.problems import ProblemKind, problem_example

_PROBLEM_TYPE = "application/problem+json"
# Status → the code its example shows.
_CODES = {
    401: "invalid_token",
    403: "role_missing",
    404: "not_found",
    409: "conflict",
    413: "body_too_large",
    422: "invalid_request",
    429: "quota_exceeded",
    502: "upstream_broken",
    503: "upstream_unavailable",
    504: "upstream_timeout",
}
_WRITING = frozenset({"post", "put", "patch", "delete"})
_RATE_HEADERS = ("RateLimit", "RateLimit-Policy")
_HEADERS: Mapping[str, Any] = {
    "RateLimit": {
        "description": "What is left of the limit: requests (`r`) and seconds until it is whole again (`t`).",
        "schema": {"type": "string"},
        "example": '"read";r=1199;t=1',
    },
    "RateLimit-Policy": {
        "description": "The limit: requests (`q`) in seconds (`w`).",
        "schema": {"type": "string"},
        "example": '"read";q=1200;w=60',
    },
    "Retry-After": {
        "description": "Seconds after which trying again is worth it.",
        "schema": {"type": "integer"},
        "example": 5,
    },
    "X-Request-Id": {
        "description": "Under which all logs know this request.",
        "schema": {"type": "string"},
        "example": "0197a1c27b5e7c3d9f102a4b6c8d0e1f",
    },
}


def complete(merged: Merged, problems: Mapping[str, ProblemKind]) -> tuple[tuple[Operation, ...], Mapping[str, Any]]:
    """The operations, and the components they refer to."""
    operations = tuple(_completed(operation, merged.schemas) for operation in merged.operations)
    components = {"schemas": merged.schemas, "responses": _responses(problems), "headers": _HEADERS}
    return operations, components


def possible_refusals(operation: Operation) -> set[int]:
    """What the door and the form of the operation make possible; a service may declare more."""
    terms, described = operation.terms, operation.described
    parameters = [*operation.path_parameters, *described.get("parameters", ())]
    has_body = "requestBody" in described
    has_path = "{" in operation.path
    possible = {503} if terms.is_own else {502, 503, 504}
    if terms.roles is not None:
        possible |= {401, 403}
    elif has_body:
        possible.add(401)  # an open route with a body takes credentials in it
    if has_path:
        possible.add(404)
    if operation.method in _WRITING and (has_body or has_path):
        possible.add(409)
    if has_body or terms.is_upload:
        possible.add(413)
    if has_body or parameters:
        possible.add(422)
    if terms.is_counted:
        possible.add(429)
    return possible


def _completed(operation: Operation, schemas: Mapping[str, Any]) -> Operation:
    described = copy.deepcopy(operation.described)
    responses = described.setdefault("responses", {})
    for status in sorted(possible_refusals(operation)):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
    described["responses"] = dict(sorted(responses.items()))
    for status, response in responses.items():
        if not status.startswith("2") or "$ref" in response:
            continue
        names = ["X-Request-Id", *(_RATE_HEADERS if operation.terms.is_counted else ())]
        headers = response.setdefault("headers", {})
        for name in names:
            headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})
    for content in _contents(described):
        _add_example(content, schemas)
    return replace(operation, described=described)


def _contents(described: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSON bodies that go in and come out."""
    bodies = [described.get("requestBody", {})]
    bodies += [response for status, response in described["responses"].items() if status.startswith("2")]
    for body in bodies:
        if "application/json" in body.get("content", {}):
            yield body["content"]["application/json"]


def _add_example(content: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Only where the service gives none; a schema nothing can be made for goes without."""
    if "schema" not in content or "example" in content or "examples" in content:
        return
    try:
        content["example"] = example_of(content["schema"], schemas)
    except NoExampleError:
        return


def _responses(problems: Mapping[str, ProblemKind]) -> dict[str, Any]:
    return {str(status): _response(status, problems[code]) for status, code in _CODES.items()}


def _response(status: int, kind: ProblemKind) -> dict[str, Any]:
    headers = ["X-Request-Id", *(("Retry-After",) if status in {429, 503} else ())]
    if status == 429:
        headers += _RATE_HEADERS
    return {
        "description": f"{kind.title.en}. See {kind.page}.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {
            _PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": problem_example(kind)}
        },
    }
