"""Routes of authentication: those without an identity, and those of a caller already recognised."""

from fastapi import APIRouter, Response, status

from gateway.audit.dependencies import RequestActor, RequestOrigin
from gateway.authentication.dependencies import Authentication, Credentials, Keys, SessionId
from gateway.authentication.schemas import (
    AccessTokenBody,
    CallerBody,
    JwksBody,
    LoginBody,
    LogoutBody,
    PasswordBody,
    RefreshBody,
    ServiceTokenBody,
    TokensBody,
)
from gateway.users.dependencies import Users
from shared.web.identity import CallerIdentity

public_router = APIRouter(tags=["authentication"])
router = APIRouter(prefix="/v1/auth", tags=["authentication"])


@public_router.post("/v1/auth/login", summary="Log in with e-mail address and password")
async def login(body: LoginBody, authentication: Authentication, origin: RequestOrigin) -> TokensBody:
    return TokensBody.of(await authentication.login(body.email, body.password.get_secret_value(), origin))


@public_router.post("/v1/auth/refresh", summary="Exchange a refresh token for new tokens")
async def refresh_tokens(body: RefreshBody, authentication: Authentication, origin: RequestOrigin) -> TokensBody:
    """Each refresh token works once. Using one again ends the session: it means the token was copied."""
    return TokensBody.of(await authentication.refresh(body.refresh_token.get_secret_value(), origin))


@public_router.post("/v1/auth/token", summary="Exchange service credentials for an access token")
async def create_service_token(
    body: ServiceTokenBody, credentials: Credentials, origin: RequestOrigin
) -> AccessTokenBody:
    token, seconds = await credentials.token(body.client_id, body.client_secret.get_secret_value(), origin)
    return AccessTokenBody(access_token=token, token_type="Bearer", expires_in=seconds)  # noqa: S106


@public_router.get("/.well-known/jwks.json", summary="The public keys tokens are signed with")
async def get_jwks(keys: Keys, response: Response) -> JwksBody:
    response.headers["Cache-Control"] = "public, max-age=60"
    return JwksBody.model_validate(keys.jwks())


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, summary="End your session")
async def logout(
    authentication: Authentication,
    actor: RequestActor,
    session: SessionId,
    origin: RequestOrigin,
    body: LogoutBody | None = None,
) -> None:
    """Effective everywhere within five seconds."""
    await authentication.logout(actor, session, origin, everywhere=body is not None and body.everywhere)


@router.get("/me", summary="Who you are here")
async def get_caller(caller: CallerIdentity) -> CallerBody:
    return CallerBody.of(caller)


@router.post("/password", status_code=status.HTTP_204_NO_CONTENT, summary="Change your password; ends your sessions")
async def change_password(
    body: PasswordBody, users: Users, caller: CallerIdentity, actor: RequestActor, origin: RequestOrigin, _: SessionId
) -> None:
    current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
    await users.change_own_password(caller.name, current, new, actor, origin)
