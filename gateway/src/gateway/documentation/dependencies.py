"""What the documentation routes need."""

from typing import Annotated

from fastapi import Depends

from gateway.access.service import route_table
from gateway.dependencies import ServiceResources
from gateway.documentation.service import DocumentationService


async def get_documentation_service(resources: ServiceResources) -> DocumentationService:
    settings = resources.settings
    addresses = {name: str(url).rstrip("/") for name, url in settings.upstreams.items()}
    table = route_table(settings.routes_file)
    return DocumentationService(table, addresses, resources.http, resources.documents)


Documentation = Annotated[DocumentationService, Depends(get_documentation_service)]
