"""Expected failures of authentication. Every refused login and token gets the same words: they give nothing away."""

from shared.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
    UpstreamError,
)

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="procurement"'}


class InvalidCredentialsError(UnauthenticatedError):
    code = "invalid_credentials"
    title = "The credentials are not right"

    def __init__(self) -> None:
        super().__init__("E-mail address and password do not belong together, or the account is closed.")


class InvalidTokenError(UnauthenticatedError):
    code = "invalid_token"
    title = "The token is not valid"

    def __init__(self) -> None:
        super().__init__(
            "The token or key is unknown, expired or revoked. Log in again, or make a new key.", headers=_CHALLENGE
        )


class NoCredentialsError(UnauthenticatedError):
    def __init__(self) -> None:
        super().__init__(
            "Send `Authorization: Bearer <access token>` (POST /api/v1/auth/login gives one) or `X-API-Key`.",
            headers=_CHALLENGE,
        )


class InvalidClientError(UnauthenticatedError):
    code = "invalid_client"
    title = "The service credentials are not right"

    def __init__(self) -> None:
        super().__init__("client_id and client_secret do not belong together.")


class LoginThrottledError(RateLimitedError):
    code = "login_throttled"
    title = "Too many attempts to log in"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"Wait {seconds} s before the next attempt for this account.", headers={"Retry-After": str(seconds)}
        )


class SessionNotFoundError(NotFoundError):
    code = "session_not_found"
    title = "No such session"


class OidcNotConfiguredError(NotFoundError):
    code = "oidc_not_configured"
    title = "There is no login with an identity provider here"

    def __init__(self) -> None:
        super().__init__("GATEWAY_OIDC_ISSUER is not set; log in with POST /api/v1/auth/login.")


class OidcStateError(InvalidInputError):
    code = "oidc_state"
    title = "This login was not begun here"

    def __init__(self) -> None:
        super().__init__("state: it is unknown, was used or is older than ten minutes. Begin the login again.")


class OidcRefusedError(UnauthenticatedError):
    """`because` is for the person: it names nothing the person does not know."""

    code = "oidc_refused"
    title = "The identity provider's word is not taken"

    def __init__(self, because: str) -> None:
        super().__init__(f"Logging in failed: {because}. Begin the login again.")


class OidcUnavailableError(UpstreamError):
    code = "oidc_unavailable"
    title = "The identity provider does not answer as it should"

    def __init__(self) -> None:
        super().__init__(
            "The identity provider cannot be asked now, or is not the one configured; try again in a moment, "
            "then tell an administrator."
        )


class ActingForRefusedError(ForbiddenError):
    code = "acting_for_refused"
    title = "Nobody can be acted for here"


class SessionCheckError(UnavailableError):
    code = "session_check_unavailable"
    title = "Sessions cannot be checked now"

    def __init__(self) -> None:
        super().__init__(
            "Whether the session still counts cannot be checked now; try again in a moment.",
            headers={"Retry-After": "2"},
        )
