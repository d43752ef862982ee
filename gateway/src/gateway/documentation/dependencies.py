"""What the documentation routes need."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request

from gateway.authentication.domain import Principal
from gateway.dependencies import ServiceResources
from gateway.documentation.domain.narrowing import Reader
from gateway.documentation.domain.problems import Language, preferred_language
from gateway.documentation.service import DocumentationService


async def get_documentation_service(resources: ServiceResources) -> DocumentationService:
    settings = resources.settings
    addresses = {name: [str(url).rstrip("/") for url in urls] for name, urls in settings.upstreams.items()}
    return DocumentationService(resources.routes.current, addresses, resources.http, resources.documents)


async def get_reader(request: Request) -> Reader:
    """Whom the door recognised; it recognises whoever sends credentials, also where none are needed."""
    principal: Principal | None = request.scope.get("principal")
    return Reader() if principal is None else Reader(principal.roles, principal.permits)


async def get_language(
    lang: Annotated[Language | None, Query(description="`en` or `ru`; by Accept-Language without it.")] = None,
    accept_language: Annotated[str | None, Header()] = None,
) -> Language:
    return lang or preferred_language(accept_language)


Documentation = Annotated[DocumentationService, Depends(get_documentation_service)]
CurrentReader = Annotated[Reader, Depends(get_reader)]
PageLanguage = Annotated[Language, Depends(get_language)]
