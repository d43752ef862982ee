"""Templates over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from notification_service.templates.dependencies import get_template_service
from notification_service.templates.schemas import PreviewRequest, PreviewResponse, TemplateList, TemplateResponse
from notification_service.templates.service import TemplateService

router = APIRouter(prefix="/v1/templates", tags=["templates"])

Templates = Annotated[TemplateService, Depends(get_template_service)]


@router.get("", summary="List what messages can be about")
async def list_templates(templates: Templates) -> TemplateList:
    return TemplateList(
        items=[
            TemplateResponse(name=t.name, event_type=t.event_type, titles=dict(t.titles), sample=dict(t.sample))
            for t in templates.list_templates()
        ]
    )


@router.post("/{name}/preview", summary="Render a message without sending it")
async def preview_template(
    name: Annotated[str, Path(max_length=255)], body: PreviewRequest, templates: Templates
) -> PreviewResponse:
    preview = templates.preview(name, body.language, body.data)
    return PreviewResponse(language=preview.language, html=preview.html, text=preview.text, messages=preview.messages)
