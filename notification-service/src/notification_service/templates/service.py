"""Rendering the message of an event, and previews of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from notification_service.templates.adapters.environment import TemplateFiles, sample
from notification_service.templates.adapters.formats import Formats
from notification_service.templates.domain.markup import plain_text
from notification_service.templates.domain.names import LINKS, TITLES, Language, event_name
from notification_service.templates.domain.splitting import split_markup
from notification_service.templates.errors import TemplateDataError, TemplateNotFoundError
from shared.errors import FieldError
from shared.events.catalogue import CONSUMERS
from shared.events.envelope import Event

# Every event this service listens to, by its name without the version.
TOPICS: Mapping[str, type[Event]] = MappingProxyType(
    {event_name(event.event_type): event for event, owners in CONSUMERS.items() if "notification" in owners}
)


@dataclass(frozen=True)
class TemplateInfo:
    name: str
    event_type: str
    titles: Mapping[Language, str]
    sample: Mapping[str, Any]


@dataclass(frozen=True)
class Preview:
    language: Language
    html: str
    text: str
    messages: int


class TemplateService:
    """`public_url` is the base of links; without one messages have none."""

    def __init__(self, *, public_url: str | None, zone: tzinfo) -> None:
        self._files = TemplateFiles()
        self._public_url = public_url.rstrip("/") if public_url else None
        self._zone = zone

    def render(self, event: Event, language: Language, at: datetime) -> str:
        """The message as Telegram HTML; `at` is when the event happened."""
        name = event_name(event.event_type)
        values = event.model_dump()
        link = f"{self._public_url}{LINKS[name].format_map(values)}" if self._public_url and name in LINKS else None
        formats = Formats(language, self._zone, at.astimezone(self._zone).date())
        return self._files.render(name, {**values, "link": link}, formats)

    def list_templates(self) -> Sequence[TemplateInfo]:
        return [_info(name) for name in sorted(TOPICS)]

    def preview(self, name: str, language: Language, data: Mapping[str, Any] | None) -> Preview:
        """Rendered with `data`, or with the template's own sample.

        Raises:
            TemplateNotFoundError: no event of this name has a template.
            TemplateDataError: `data` does not fit the event.
        """
        event = self._event(name, data)
        html = self.render(event, language, datetime.now(UTC))
        return Preview(language, html, plain_text(html), len(split_markup(html)))

    def _event(self, name: str, data: Mapping[str, Any] | None) -> Event:
        event_class = TOPICS.get(event_name(name))
        if event_class is None:
            raise TemplateNotFoundError(f"There is no template {name!r}; GET /v1/templates lists those there are.")
        try:
            if data is None:
                return event_class.model_validate_json(sample(event_name(name)))
            return event_class.model_validate(data)
        except ValidationError as error:
            raise TemplateDataError(
                f"The data does not fit the event {name}; leave it out to use the sample.",
                errors=[
                    FieldError(detail=e["msg"], pointer="/data/" + "/".join(map(str, e["loc"])))
                    for e in error.errors(include_url=False, include_context=False, include_input=False)
                ],
            ) from error


def _info(name: str) -> TemplateInfo:
    event_class = TOPICS[name]
    example = event_class.model_validate_json(sample(name))
    return TemplateInfo(name, event_class.event_type, TITLES[name], example.model_dump(mode="json"))
