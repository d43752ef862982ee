"""Routes of the documentation: open to everybody, as the platform's source is."""

from fastapi import APIRouter, Request, Response

from gateway.documentation.adapters import asset
from gateway.documentation.dependencies import Documentation
from gateway.documentation.errors import PageNotFoundError

router = APIRouter(prefix="/documentation", include_in_schema=False)
_SECURITY = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "public, max-age=300",
}


@router.get("/openapi.json")
async def get_merged_openapi(request: Request, documentation: Documentation) -> Response:
    own = request.app.openapi()
    document = await documentation.document(own, request.app.version)
    return Response(document, media_type="application/json", headers={"Cache-Control": "public, max-age=60"})


@router.get("/docs")
async def get_page() -> Response:
    return _asset("page.html")


@router.get("/docs/{name}")
async def get_page_asset(name: str) -> Response:
    return _asset(name)


def _asset(name: str) -> Response:
    found = asset(name)
    if found is None:
        raise PageNotFoundError("The documentation is at /docs.")
    content, media_type = found
    return Response(content, media_type=media_type, headers=_SECURITY)
