"""Refusals of the proxy, as the problem documents callers get."""

from collections.abc import Mapping

from shared.errors import (
    ForbiddenError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    ServiceError,
    UnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
)


class BadRequestError(ServiceError):
    status = 400
    code = "bad_request"
    title = "The request is malformed"


class MethodNotAllowedError(ServiceError):
    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class UriTooLongError(ServiceError):
    status = 414
    code = "uri_too_long"
    title = "The address is too long"


class HeadersTooLargeError(ServiceError):
    status = 431
    code = "headers_too_large"
    title = "Too many or too large headers"


class RequestTimeoutError(ServiceError):
    status = 408
    code = "request_timeout"
    title = "The request came too slowly"


class RouteNotFoundError(NotFoundError):
    code = "route_not_found"
    title = "No such route"

    def __init__(self) -> None:
        super().__init__("No such route. See /docs for what there is.")


class RoleMissingError(ForbiddenError):
    code = "role_missing"
    title = "Your roles do not allow this"


class PermitMissingError(ForbiddenError):
    code = "permit_missing"
    title = "The key is not made for this"


class BodyTooLargeError(PayloadTooLargeError):
    code = "body_too_large"
    title = "The body is too large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This route takes bodies of at most {limit} bytes; send less at a time.", headers={"Connection": "close"}
        )


class QuotaExceededError(RateLimitedError):
    code = "quota_exceeded"
    title = "Too many requests"


class UpstreamAwayError(UnavailableError):
    code = "upstream_unavailable"
    title = "The service behind this route is away"


class UpstreamBusyError(UnavailableError):
    code = "upstream_busy"
    title = "The service behind this route is busy"


class UpstreamBrokenError(UpstreamError):
    code = "upstream_broken"
    title = "The service behind this route broke off"


class UpgradeRefusedError(UpstreamError):
    code = "upgrade_refused"
    title = "The service opened no WebSocket"


class UpstreamSlowError(UpstreamTimeoutError):
    code = "upstream_timeout"
    title = "The service behind this route did not answer in time"


class NotKeptError(UpstreamTimeoutError):
    code = "not_kept"
    title = "No kept answer"

    def __init__(self) -> None:
        super().__init__("The request wants a kept answer only, and none is kept; ask without `only-if-cached`.")


class DrainingError(UnavailableError):
    code = "draining"
    title = "The gateway is about to stop"


class ClientGoneError(Exception):
    """The caller left; nobody is there to be answered."""


_BY_STATUS: Mapping[int, type[ServiceError]] = {
    400: BadRequestError,
    405: MethodNotAllowedError,
    414: UriTooLongError,
    431: HeadersTooLargeError,
}


# After these the rest of what was sent on the connection is not worth reading.
_CLOSING = frozenset({400, 414, 431})


def refusal(status: int, detail: str) -> ServiceError:
    """The error for a violation the domain found."""
    headers = {"Connection": "close"} if status in _CLOSING else {}
    return _BY_STATUS[status](detail, headers=headers)
