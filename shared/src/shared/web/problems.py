"""Problem documents (RFC 9457): the one shape of every error, for every service and the gateway (docs/adr/0007)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from shared.errors import FieldError, ServiceError
from shared.observability import context
from shared.observability.logging import get_logger
from shared.observability.trace_context import trace_id

MEDIA_TYPE = "application/problem+json"
_log = get_logger(__name__)

_FRAMEWORK_CODES = {404: "route_not_found", 405: "method_not_allowed", 400: "bad_request", 413: "payload_too_large"}
_FRAMEWORK_DETAILS = {
    404: "No such route. See /docs for what there is.",
    405: "This route does not take that method. See /docs for the ones it takes.",
}


class ProblemError(BaseModel):
    detail: str
    pointer: str | None = Field(description="JSON pointer into the body, when the value stands there.")
    parameter: str | None = Field(description="Name of the query, path or header parameter, when it stands there.")


class Problem(BaseModel):
    """What went wrong, where, and what to do about it."""

    type: str = Field(description="`/problems/<code>`")
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    code: str = Field(description="Stable, snake_case; branch on this one.")
    request_id: str | None
    trace_id: str | None
    errors: list[ProblemError]


def problem_document(
    *, status: int, code: str, title: str, detail: str, instance: str, errors: Sequence[FieldError] = ()
) -> dict[str, Any]:
    return Problem(
        type=f"/problems/{code.replace('_', '-')}",
        title=title,
        status=status,
        detail=detail,
        instance=instance,
        code=code,
        request_id=context.request_id.get(),
        trace_id=trace_id(context.traceparent.get()),
        errors=[ProblemError(detail=e.detail, pointer=e.pointer, parameter=e.parameter) for e in errors],
    ).model_dump()


def problem_response(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(document, status_code=document["status"], media_type=MEDIA_TYPE, headers=dict(headers or {}))


def from_service_error(error: ServiceError, instance: str) -> JSONResponse:
    document = problem_document(
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        instance=instance,
        errors=error.errors,
    )
    return problem_response(document, error.headers)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    place, *rest = error["loc"] or ("body",)
    if error["type"] == "json_invalid":
        reason = error.get("ctx", {}).get("error", "syntax error")
        return FieldError(
            detail=f"the body is not valid JSON: {reason} at character {rest[0] if rest else 0}", pointer=""
        )
    if place == "body":
        return FieldError(detail=error["msg"], pointer="/" + "/".join(str(part) for part in rest))
    return FieldError(detail=error["msg"], parameter=".".join(str(part) for part in rest) or str(place))


async def _on_service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)  # noqa: S101 -- narrows for the type checker; registered for this type only
    if error.status >= 500:
        _log.warning("request_failed", code=error.code, detail=error.detail)
    return from_service_error(error, request.url.path)


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = [_field_error(e) for e in error.errors()]
    first = errors[0]
    where = first.parameter or first.pointer or "the body"
    return problem_response(
        problem_document(
            status=422,
            code="invalid_request",
            title="The request does not have the form this route takes",
            detail=f"{where}: {first.detail}" + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""),
            instance=request.url.path,
            errors=errors,
        )
    )


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    return problem_response(
        problem_document(
            status=error.status_code,
            code=_FRAMEWORK_CODES.get(error.status_code, phrase.lower().replace(" ", "_")),
            title=phrase,
            detail=_FRAMEWORK_DETAILS.get(error.status_code, str(error.detail)),
            instance=request.url.path,
        ),
        error.headers,
    )


def unexpected_problem(path: str) -> JSONResponse:
    """For a failure nobody expected: says nothing about it; the log has it under the request id."""
    return problem_response(
        problem_document(
            status=500,
            code="internal_error",
            title="Internal error",
            detail="Something failed on our side. Try again; if it stays, report the request id.",
            instance=path,
        )
    )


def store_away_problem(path: str) -> JSONResponse:
    """The database (or another store) cannot be reached: nothing was changed, and trying again is right."""
    return problem_response(
        problem_document(
            status=503,
            code="store_unavailable",
            title="Temporarily unavailable",
            detail="The database cannot be reached now; nothing was changed. Try again in a few seconds.",
            instance=path,
        ),
        {"Retry-After": "5"},
    )


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


# Declared on every operation: it also keeps the framework from documenting an error body of its own.
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "The request cannot be served as it is",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
    "5XX": {
        "description": "A failure on our side",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}
