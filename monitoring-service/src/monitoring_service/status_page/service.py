"""Puts the page together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from monitoring_service.database import StoreUnavailableError
from monitoring_service.health.service import StatusService
from monitoring_service.incidents.service import IncidentService
from monitoring_service.status_page.domain import TEXTS, Language, moment_text, span_text

_SHOWN = 20
_TEMPLATES = SandboxedEnvironment(
    loader=PackageLoader("monitoring_service.status_page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True)
class _Incidents:
    open: Sequence[object]
    past: Sequence[object]


class StatusPageService:
    def __init__(self, health: StatusService, incidents: IncidentService) -> None:
        self._health = health
        self._incidents = incidents

    async def render(self, language: Language) -> str:
        return _TEMPLATES.get_template("status.html.jinja").render(
            language=language,
            other_language="en" if language == "ru" else "ru",
            words=TEXTS[language],
            status=await self._health.read_status(),
            incidents=await self._find_incidents(),
            now=datetime.now(UTC),
            moment=moment_text,
            span=lambda span: span_text(span, language),
        )

    async def _find_incidents(self) -> _Incidents | None:
        """None while the database is away."""
        try:
            return _Incidents(
                open=await self._incidents.list_incidents(state="open", before=None, limit=_SHOWN),
                past=await self._incidents.list_incidents(state="resolved", before=None, limit=_SHOWN),
            )
        except StoreUnavailableError:
            return None
