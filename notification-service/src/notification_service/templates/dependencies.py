"""Builds the template service for a request."""

from functools import lru_cache
from zoneinfo import ZoneInfo

from notification_service.dependencies import ServiceResources
from notification_service.templates.service import TemplateService


@lru_cache(maxsize=8)
def _service(public_url: str | None, time_zone: str) -> TemplateService:
    """Kept, since compiling the templates costs more than rendering them."""
    return TemplateService(public_url=public_url, zone=ZoneInfo(time_zone))


async def get_template_service(resources: ServiceResources) -> TemplateService:
    return _service(resources.settings.public_url, resources.settings.time_zone)
