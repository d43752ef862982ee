"""Routes of authentication: those without an identity, and those of a caller already recognised."""

from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Response, status
from fastapi.responses import RedirectResponse

from gateway.audit.dependencies import RequestActor, RequestOrigin
from gateway.authentication.dependencies import (
    Authentication,
    Binding,
    Credentials,
    ExternalLogin,
    Keys,
    OwnKey,
    ProviderAnswer,
    Recovery,
    ResultUrl,
    SessionId,
    UserAgent,
)
from gateway.authentication.schemas import (
    AccessTokenBody,
    CallerBody,
    ExternalTokensBody,
    InvitationBody,
    JwksBody,
    LoginBody,
    LogoutBody,
    PasswordBody,
    PasswordResetBody,
    PasswordResetConfirmationBody,
    RefreshBody,
    ServiceTokenBody,
    SessionBody,
    TokensBody,
)
from gateway.dependencies import NewestFirst
from gateway.users.dependencies import Links, Users
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page

public_router = APIRouter(tags=["authentication"])
router = APIRouter(prefix="/v1/auth", tags=["authentication"])


@public_router.post("/v1/auth/login", summary="Log in with e-mail address and password")
async def login(
    body: LoginBody, authentication: Authentication, origin: RequestOrigin, user_agent: UserAgent
) -> TokensBody:
    return TokensBody.of(await authentication.login(body.email, body.password.get_secret_value(), origin, user_agent))


@public_router.post("/v1/auth/refresh", summary="Exchange a refresh token for new tokens")
async def refresh_tokens(body: RefreshBody, authentication: Authentication, origin: RequestOrigin) -> TokensBody:
    """Each refresh token works once. Using one again, also twice at once, ends the session: it may have been copied."""
    return TokensBody.of(await authentication.refresh(body.refresh_token.get_secret_value(), origin))


@public_router.post("/v1/auth/token", summary="Exchange service credentials for an access token")
async def create_service_token(
    body: ServiceTokenBody, credentials: Credentials, origin: RequestOrigin
) -> AccessTokenBody:
    token, seconds = await credentials.token(body.client_id, body.client_secret.get_secret_value(), origin)
    return AccessTokenBody(access_token=token, token_type="Bearer", expires_in=seconds)  # noqa: S106


@public_router.post(
    "/v1/auth/invitation", status_code=status.HTTP_204_NO_CONTENT, summary="Accept an invitation: choose a password"
)
async def accept_invitation(body: InvitationBody, links: Links, origin: RequestOrigin) -> None:
    """Then log in. A refused password leaves the invitation as it is."""
    await links.accept_invitation(body.token.get_secret_value(), body.password.get_secret_value(), origin)


@public_router.post(
    "/v1/auth/password-reset", status_code=status.HTTP_202_ACCEPTED, summary="Ask for a new password by mail"
)
async def request_password_reset(body: PasswordResetBody, recovery: Recovery, origin: RequestOrigin) -> None:
    """The answer is the same whether or not anybody has this address. No mail? Ask an administrator for a link."""
    await recovery.request_reset(body.email, origin)


@public_router.post(
    "/v1/auth/password-reset/confirmation",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Choose a new password; ends your sessions",
)
async def confirm_password_reset(body: PasswordResetConfirmationBody, links: Links, origin: RequestOrigin) -> None:
    """The token works once, for an hour. A refused password leaves it as it is."""
    await links.confirm_reset(body.token.get_secret_value(), body.new_password.get_secret_value(), origin)


@public_router.get(
    "/oidc/login",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    summary="Log in with the identity provider",
)
async def begin_external_login(external: ExternalLogin, binding: Binding = None) -> RedirectResponse:
    """Leads to the provider, and from there to the callback."""
    return RedirectResponse(await external.begin(binding), status.HTTP_303_SEE_OTHER, {"Cache-Control": "no-store"})


@public_router.get("/oidc/callback", summary="Where the identity provider sends people back to")
async def complete_external_login(
    external: ExternalLogin,
    answer: ProviderAnswer,
    origin: RequestOrigin,
    user_agent: UserAgent,
    result_url: ResultUrl,
    response: Response,
) -> ExternalTokensBody:
    """The tokens as JSON, or in the fragment of the configured page."""
    pair, binding = await external.complete(answer, origin, user_agent)
    body = ExternalTokensBody.bound(pair, binding)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    if result_url is not None:
        response.status_code = status.HTTP_303_SEE_OTHER
        response.headers["Location"] = f"{result_url}#{urlencode(body.model_dump(exclude_none=True))}"
    return body


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
async def get_caller(caller: CallerIdentity, key: OwnKey) -> CallerBody:
    return CallerBody.of(caller, key)


@router.get("/sessions", summary="List your sessions, newest first")
async def list_sessions(
    authentication: Authentication, actor: RequestActor, session: SessionId, page: NewestFirst
) -> Page[SessionBody]:
    found = await authentication.list_page(UUID(actor.id), limit=page.limit + 1, before=page.before)
    return page.shaped(found, lambda one: SessionBody.of(one, session))


@router.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT, summary="End one of your sessions")
async def end_session(
    session_id: UUID, authentication: Authentication, actor: RequestActor, origin: RequestOrigin, _: SessionId
) -> None:
    """Effective everywhere within five seconds."""
    await authentication.end(actor, session_id, origin)


@router.post("/password", status_code=status.HTTP_204_NO_CONTENT, summary="Change your password; ends your sessions")
async def change_password(
    body: PasswordBody, users: Users, caller: CallerIdentity, actor: RequestActor, origin: RequestOrigin, _: SessionId
) -> None:
    current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
    await users.change_own_password(caller.name, current, new, actor, origin)
