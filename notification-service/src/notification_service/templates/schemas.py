"""Bodies of the template routes."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from notification_service.templates.domain.names import Language


class TemplateResponse(BaseModel):
    name: str = Field(
        description="Event without its version; what subscriptions name.", examples=["forecast.run.completed"]
    )
    event_type: str
    titles: dict[Language, str]
    sample: dict[str, Any] = Field(description="Example of the event's data, used by a preview without data.")


class TemplateList(BaseModel):
    items: list[TemplateResponse]


class PreviewRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    language: Language = "en"
    data: dict[str, Any] | None = Field(None, description="Data of the event; the template's sample when absent.")


class PreviewResponse(BaseModel):
    language: Language
    html: str = Field(description="As Telegram gets it.")
    text: str = Field(description="As the console gets it, and Telegram when it refuses the markup.")
    messages: int = Field(description="Telegram messages it takes.")
