"""Routes of the documentation: open to everybody; what they show depends on who asks."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from gateway.documentation.adapters.assets import asset
from gateway.documentation.adapters.catalogue import kinds_by_slug
from gateway.documentation.adapters.problem_pages import problem_list, problem_page
from gateway.documentation.dependencies import CurrentReader, Documentation, PageLanguage
from gateway.documentation.domain.problems import ProblemKind, prefers_json, problem_example
from gateway.documentation.errors import PageNotFoundError

router = APIRouter(prefix="/documentation", include_in_schema=False)
_SECURITY = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "public, max-age=300",
}
_HTML = "text/html; charset=utf-8"
_NEGOTIATED = {**_SECURITY, "Vary": "Accept, Accept-Language"}
_Accept = Annotated[str | None, Header()]


@router.get("/openapi.json")
async def get_merged_openapi(
    request: Request,
    documentation: Documentation,
    reader: CurrentReader,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    rendered = await documentation.document(request.app.openapi(), request.app.version, reader)
    # One address, another document for every caller: nobody else's copy may be shown.
    headers = {
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, X-API-Key",
        "ETag": rendered.etag,
    }
    if _is_known(rendered.etag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(rendered.body, media_type="application/json", headers=headers)


def _is_known(etag: str, if_none_match: str | None) -> bool:
    known = {one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")}
    return etag in known or "*" in known


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


@router.get("/problems")
async def list_problems(language: PageLanguage, accept: _Accept = None) -> Response:
    kinds = kinds_by_slug().values()
    if prefers_json(accept):
        return JSONResponse({"items": [_summary(kind) for kind in kinds]}, headers=_NEGOTIATED)
    return Response(problem_list(kinds, language), media_type=_HTML, headers=_NEGOTIATED)


@router.get("/problems/{name}")
async def get_problem(name: str, language: PageLanguage, accept: _Accept = None) -> Response:
    kind = kinds_by_slug().get(name)
    if kind is None:
        raise PageNotFoundError("There is no such problem; /problems lists all of them.")
    if prefers_json(accept):
        return JSONResponse(_described(kind), headers=_NEGOTIATED)
    return Response(problem_page(kind, language), media_type=_HTML, headers=_NEGOTIATED)


def _summary(kind: ProblemKind) -> dict[str, object]:
    return {"type": kind.page, "code": kind.code, "status": kind.status, "title": vars(kind.title)}


def _described(kind: ProblemKind) -> dict[str, object]:
    return {
        **_summary(kind),
        "meaning": vars(kind.meaning),
        "advice": vars(kind.advice),
        "services": list(kind.services),
        "example": problem_example(kind),
    }
