"""What the authentication routes need."""

from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends, Header, Query

from gateway.api_keys.dependencies import ApiKeys
from gateway.api_keys.domain import ApiKey
from gateway.audit.service import AuditService
from gateway.authentication.adapters.keys import KeyRing
from gateway.authentication.adapters.oidc import Provider, ProviderSettings
from gateway.authentication.adapters.tokens import Tokens
from gateway.authentication.errors import OidcNotConfiguredError
from gateway.authentication.service.external import Answer, ExternalLoginService
from gateway.authentication.service.recovery import RecoveryService
from gateway.authentication.service.sessions import AuthenticationService, ServiceCredentials, TokenLives
from gateway.dependencies import ServiceResources
from gateway.users.dependencies import Users
from gateway.users.service.reset_mail import ResetRequestService
from shared.errors import ForbiddenError
from shared.web.identity import CallerIdentity, Identity


async def get_key_ring(resources: ServiceResources) -> KeyRing:
    return KeyRing(resources.signing_keys)


Keys = Annotated[KeyRing, Depends(get_key_ring)]


async def get_authentication_service(resources: ServiceResources, keys: Keys, users: Users) -> AuthenticationService:
    settings = resources.settings
    lives = TokenLives(settings.access_token_seconds, settings.refresh_token_seconds, settings.session_seconds)
    return AuthenticationService(resources.database, Tokens(keys), lives, users, AuditService(resources.database))


Authentication = Annotated[AuthenticationService, Depends(get_authentication_service)]


async def get_service_credentials(resources: ServiceResources, keys: Keys) -> ServiceCredentials:
    settings = resources.settings
    return ServiceCredentials(
        settings.service_clients, Tokens(keys), settings.access_token_seconds, AuditService(resources.database)
    )


async def get_recovery_service(resources: ServiceResources) -> RecoveryService:
    audit = AuditService(resources.database)
    return RecoveryService(resources.database, ResetRequestService(resources.database, audit), audit)


async def get_external_login(
    resources: ServiceResources, users: Users, sessions: Authentication
) -> ExternalLoginService:
    """Raises: OidcNotConfiguredError."""
    settings = resources.settings
    if settings.oidc_issuer is None:
        raise OidcNotConfiguredError
    provider = ProviderSettings(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        redirect_url=settings.oidc_redirect_url,
        roles_claim=settings.oidc_roles_claim,
        require_https=settings.environment == "production",
    )
    return ExternalLoginService(
        resources.database,
        Provider(provider, resources.provider_documents),
        settings.oidc_roles,
        users,
        sessions,
        AuditService(resources.database),
    )


_Told = Annotated[str | None, Query(max_length=4096, pattern=r"^[\x20-\x7e]*$")]
Binding = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="A random mark you keep; it comes back with the tokens and shows that this login was begun by you.",
    ),
]


async def get_provider_answer(
    state: Annotated[str, Query(max_length=200, pattern=r"^[A-Za-z0-9_-]+$")],
    code: _Told = None,
    error: _Told = None,
    iss: _Told = None,
) -> Answer:
    return Answer(state, code, error, iss)


async def get_result_url(resources: ServiceResources) -> str | None:
    url = resources.settings.oidc_result_url
    return str(url) if url is not None else None


async def get_own_key(caller: CallerIdentity, api_keys: ApiKeys) -> ApiKey | None:
    """The key the caller came with, None for everybody else."""
    if caller.kind != "api_key":
        return None
    owner = await api_keys.find_by_id(UUID(_session_of(caller)))
    return owner.key if owner is not None else None


async def get_user_agent(user_agent: Annotated[str | None, Header(include_in_schema=False)] = None) -> str | None:
    return user_agent


def _session_of(caller: Identity) -> str:
    """From the token, which was verified when the caller was recognised."""
    return str(jwt.decode(caller.token, options={"verify_signature": False}).get("sid", ""))


async def get_session_id(caller: CallerIdentity) -> UUID:
    """Of the session the caller logged in with."""
    session = _session_of(caller)
    if caller.kind != "user" or not session:
        raise ForbiddenError(
            "Only a person who logged in has a session; revoke a key with DELETE /api/v1/api-keys/{id}."
        )
    return UUID(session)


Credentials = Annotated[ServiceCredentials, Depends(get_service_credentials)]
SessionId = Annotated[UUID, Depends(get_session_id)]
Recovery = Annotated[RecoveryService, Depends(get_recovery_service)]
OwnKey = Annotated[ApiKey | None, Depends(get_own_key)]
UserAgent = Annotated[str | None, Depends(get_user_agent)]
ExternalLogin = Annotated[ExternalLoginService, Depends(get_external_login)]
ResultUrl = Annotated[str | None, Depends(get_result_url)]
ProviderAnswer = Annotated[Answer, Depends(get_provider_answer)]
