"""What the users routes need."""

from typing import Annotated

from fastapi import Depends

from gateway.audit.service import AuditService
from gateway.dependencies import ServiceResources
from gateway.users.adapters.passwords import Passwords
from gateway.users.service.links import LinkService
from gateway.users.service.people import UserService


async def get_user_service(resources: ServiceResources) -> UserService:
    passwords = Passwords(resources.password_threads, resources.password_slots)
    return UserService(resources.database, passwords, AuditService(resources.database))


async def get_link_service(resources: ServiceResources) -> LinkService:
    passwords = Passwords(resources.password_threads, resources.password_slots)
    return LinkService(resources.database, passwords, AuditService(resources.database))


async def get_account_url(resources: ServiceResources) -> str | None:
    url = resources.settings.account_url
    return str(url) if url is not None else None


Users = Annotated[UserService, Depends(get_user_service)]
Links = Annotated[LinkService, Depends(get_link_service)]
AccountUrl = Annotated[str | None, Depends(get_account_url)]
