"""Expected failures, each with the HTTP status, the stable code and the title of its problem document.

    ServiceError 500
    ├── InvalidInputError 422 · UnauthenticatedError 401 · ForbiddenError 403 · NotFoundError 404
    ├── ConflictError 409 · PayloadTooLargeError 413 · UnsupportedMediaError 415 · RateLimitedError 429
    └── UpstreamError 502 · UnavailableError 503 · UpstreamTimeoutError 504

A feature subclasses the one whose status fits and gives it a code and title of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One wrong value: where it stands (JSON pointer in the body, or a parameter's name) and what is wrong with it."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ServiceError(Exception):
    """Base of everything a caller may be told; `detail` says what was wrong, where, and what to do."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class InvalidInputError(ServiceError):
    status = 422
    code = "invalid_input"
    title = "Invalid input"


class UnauthenticatedError(ServiceError):
    status = 401
    code = "unauthenticated"
    title = "Authentication required"


class ForbiddenError(ServiceError):
    status = 403
    code = "forbidden"
    title = "Not allowed"


class NotFoundError(ServiceError):
    status = 404
    code = "not_found"
    title = "Not found"


class ConflictError(ServiceError):
    status = 409
    code = "conflict"
    title = "Conflict"


class PayloadTooLargeError(ServiceError):
    status = 413
    code = "payload_too_large"
    title = "Payload too large"


class UnsupportedMediaError(ServiceError):
    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class RateLimitedError(ServiceError):
    status = 429
    code = "rate_limited"
    title = "Too many requests"


class UpstreamError(ServiceError):
    """A neighbour answered, but not with what its contract promises."""

    status = 502
    code = "upstream_error"
    title = "A neighbouring service failed"


class UnavailableError(ServiceError):
    """A neighbour or a store cannot be reached; worth trying again."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"


class UpstreamTimeoutError(ServiceError):
    status = 504
    code = "upstream_timeout"
    title = "A neighbouring service did not answer in time"
