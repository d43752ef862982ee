"""What the authentication routes need."""

from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends

from gateway.audit.service import AuditService
from gateway.authentication.adapters.keys import KeyRing
from gateway.authentication.adapters.tokens import Tokens
from gateway.authentication.service.sessions import AuthenticationService, ServiceCredentials, TokenLives
from gateway.dependencies import ServiceResources
from gateway.users.dependencies import Users
from shared.errors import ForbiddenError
from shared.web.identity import CallerIdentity


async def get_key_ring(resources: ServiceResources) -> KeyRing:
    return KeyRing(resources.signing_keys)


Keys = Annotated[KeyRing, Depends(get_key_ring)]


async def get_authentication_service(resources: ServiceResources, keys: Keys, users: Users) -> AuthenticationService:
    settings = resources.settings
    lives = TokenLives(settings.access_token_seconds, settings.refresh_token_seconds, settings.session_seconds)
    return AuthenticationService(resources.database, Tokens(keys), lives, users, AuditService(resources.database))


async def get_service_credentials(resources: ServiceResources, keys: Keys) -> ServiceCredentials:
    settings = resources.settings
    return ServiceCredentials(
        settings.service_clients, Tokens(keys), settings.access_token_seconds, AuditService(resources.database)
    )


async def get_session_id(caller: CallerIdentity) -> UUID:
    """Of the session the caller logged in with; the token was verified when the caller was recognised."""
    claims = jwt.decode(caller.token, options={"verify_signature": False})
    if caller.kind != "user" or not claims.get("sid"):
        raise ForbiddenError(
            "Only a person who logged in has a session; revoke a key with DELETE /api/v1/api-keys/{id}."
        )
    return UUID(claims["sid"])


Authentication = Annotated[AuthenticationService, Depends(get_authentication_service)]
Credentials = Annotated[ServiceCredentials, Depends(get_service_credentials)]
SessionId = Annotated[UUID, Depends(get_session_id)]
