"""Which refusals an operation is said to give: from the table of routes and its own form, never by hand."""

from typing import Any

import pytest

from gateway.documentation.domain.completing import complete, possible_refusals
from gateway.documentation.domain.merging import Merged, Operation, Terms
from gateway.documentation.domain.problems import Bilingual, ProblemKind

BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "integer"}}}}}
QUERY = {"parameters": [{"name": "q", "in": "query"}]}
ALWAYS = {502, 503, 504}


def operation(path: str, method: str, described: dict[str, Any], **given: Any) -> Operation:
    terms = {
        "roles": frozenset({"ops"}),
        "permit": "data:read",
        "is_counted": True,
        "is_upload": False,
        "is_own": False,
    }
    return Operation(path, method, Terms(**terms | given), described, ())


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (operation("/x", "get", {}), {401, 403, 429, *ALWAYS}),
        (operation("/x", "get", {}, is_counted=False), {401, 403, *ALWAYS}),
        (operation("/x", "get", {}, is_own=True), {401, 403, 429, 503}),
        (operation("/x", "get", {}, roles=None), {429, *ALWAYS}),
        (operation("/x", "get", QUERY), {401, 403, 422, 429, *ALWAYS}),
        (operation("/x/{id}", "get", {}), {401, 403, 404, 429, *ALWAYS}),
        (operation("/x/{id}", "delete", {}), {401, 403, 404, 409, 429, *ALWAYS}),
        (operation("/x", "post", BODY), {401, 403, 409, 413, 422, 429, *ALWAYS}),
        (operation("/x", "post", {}, is_upload=True), {401, 403, 413, 429, *ALWAYS}),
        (operation("/login", "post", BODY, roles=None, is_own=True), {401, 409, 413, 422, 429, 503}),
    ],
)
def test_refusals_follow_from_the_route(one: Operation, expected: set[int]) -> None:
    assert possible_refusals(one) == expected


CODES = [
    "invalid_token",
    "role_missing",
    "not_found",
    "conflict",
    "body_too_large",
    "invalid_request",
    "quota_exceeded",
    "upstream_broken",
    "upstream_unavailable",
    "upstream_timeout",
]


def test_what_a_service_says_itself_is_kept_and_only_completed() -> None:
    words = Bilingual("a", "b")
    kinds = {code: ProblemKind(code, 400, words, words, words, ("gateway",)) for code in CODES}
    own = {
        **BODY,
        "responses": {
            "201": {
                "description": "Made",
                "content": {"application/json": {"schema": {"type": "string"}, "example": "mine"}},
            },
            "409": {"description": "Taken"},
        },
    }
    (done,), components = complete(Merged((operation("/x", "post", own),), {}), kinds)
    responses = done.described["responses"]
    assert responses["409"] == {"description": "Taken"}
    assert responses["201"]["content"]["application/json"]["example"] == "mine"
    assert done.described["requestBody"]["content"]["application/json"]["example"] == 12
    assert set(responses["201"]["headers"]) == {"X-Request-Id", "RateLimit", "RateLimit-Policy"}
    assert responses["401"] == {"$ref": "#/components/responses/401"}
    assert components["responses"]["429"]["headers"].keys() >= {"Retry-After", "RateLimit"}
    assert "headers" not in own["responses"]["201"]
