"""Builds the template service for a request."""

from datetime import tzinfo
from functools import lru_cache

from notification_service.dependencies import ServiceResources
from notification_service.templates.service import TemplateService


@lru_cache(maxsize=8)
def _service(public_url: str | None, zone: tzinfo) -> TemplateService:
    """Kept, since compiling the templates costs more than rendering them."""
    return TemplateService(public_url=public_url, zone=zone)


async def get_template_service(resources: ServiceResources) -> TemplateService:
    return _service(resources.settings.public_url, resources.settings.zone)
