"""What the API keys routes need."""

from typing import Annotated

from fastapi import Depends

from gateway.api_keys.service import ApiKeyService, KeyHolder
from gateway.audit.domain.entries import Actor
from gateway.audit.service import AuditService
from gateway.dependencies import ServiceResources
from shared.web.identity import CallerIdentity


async def get_api_key_service(resources: ServiceResources) -> ApiKeyService:
    return ApiKeyService(resources.database, AuditService(resources.database))


async def get_holder(caller: CallerIdentity) -> KeyHolder:
    caller.require_role("admin", "manager", "buyer", "ops")
    return KeyHolder(Actor(caller.kind, caller.subject, caller.name, caller.acting_service), caller.roles)


async def get_known_services(resources: ServiceResources) -> frozenset[str]:
    """Those of the route table in force: what a key's scopes can be about."""
    return frozenset(route.upstream for route in resources.routes.current)


ApiKeys = Annotated[ApiKeyService, Depends(get_api_key_service)]
Holder = Annotated[KeyHolder, Depends(get_holder)]
KnownServices = Annotated[frozenset[str], Depends(get_known_services)]
