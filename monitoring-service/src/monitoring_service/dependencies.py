"""The only reader of request.state, and what several routers take from a request."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from monitoring_service.resources import Resources
from monitoring_service.settings import Settings
from shared.errors import FieldError
from shared.web.pagination import InvalidCursorError, PageParameters


async def get_resources(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings


async def _id_before(page: PageParameters) -> UUID | None:
    after = page.after(1)
    if after is None:
        return None
    try:
        return UUID(str(after[0]))
    except ValueError as error:
        raise InvalidCursorError(
            "The cursor is not one this list gave. Start without it.",
            errors=[FieldError(detail="not a cursor of this list", parameter="cursor")],
        ) from error


ServiceResources = Annotated[Resources, Depends(get_resources)]
ServiceSettingsInUse = Annotated[Settings, Depends(get_settings)]
IdBefore = Annotated[UUID | None, Depends(_id_before)]
