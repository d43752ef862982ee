"""What the users routes need."""

from typing import Annotated

from fastapi import Depends

from gateway.audit.domain import Actor, Origin
from gateway.audit.service import AuditService
from gateway.dependencies import CallerOrigin, ServiceResources
from gateway.users.adapters import Passwords
from gateway.users.service import UserService
from shared.web.identity import CallerIdentity


async def get_user_service(resources: ServiceResources) -> UserService:
    passwords = Passwords(resources.password_threads, resources.password_slots)
    return UserService(resources.database, passwords, AuditService(resources.database))


async def get_actor(caller: CallerIdentity) -> Actor:
    return Actor(caller.kind, caller.subject, caller.name, caller.acting_service)


async def get_origin(origin: CallerOrigin) -> Origin:
    return Origin(origin.address, origin.request_id)


Users = Annotated[UserService, Depends(get_user_service)]
RequestActor = Annotated[Actor, Depends(get_actor)]
RequestOrigin = Annotated[Origin, Depends(get_origin)]
