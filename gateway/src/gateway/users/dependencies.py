"""What the users routes need."""

from typing import Annotated

from fastapi import Depends

from gateway.audit.service import AuditService
from gateway.dependencies import ServiceResources
from gateway.users.adapters import Passwords
from gateway.users.service import UserService


async def get_user_service(resources: ServiceResources) -> UserService:
    passwords = Passwords(resources.password_threads, resources.password_slots)
    return UserService(resources.database, passwords, AuditService(resources.database))


Users = Annotated[UserService, Depends(get_user_service)]
