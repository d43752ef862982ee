"""The kinds of problems callers can meet, and what each of their pages says."""

from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = ("en", "ru")


@dataclass(frozen=True)
class Bilingual:
    en: str
    ru: str

    def in_language(self, language: Language) -> str:
        return self.ru if language == "ru" else self.en


@dataclass(frozen=True)
class ProblemKind:
    """`services` are those that give it; `meaning` and `advice` say what it means and what to do."""

    code: str
    status: int
    title: Bilingual
    meaning: Bilingual
    advice: Bilingual
    services: tuple[str, ...]

    @property
    def page(self) -> str:
        return f"/problems/{slug(self.code)}"


def slug(code: str) -> str:
    return code.replace("_", "-")


def problem_example(kind: ProblemKind) -> dict[str, Any]:
    """A body as it comes over the wire."""
    return {
        "type": kind.page,
        "title": kind.title.en,
        "status": kind.status,
        "detail": kind.meaning.en,
        "instance": "/api/v1/data/products",
        "code": kind.code,
        "request_id": "0197a1c27b5e7c3d9f102a4b6c8d0e1f",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "errors": [{"detail": "Input should be greater than 0", "pointer": "/lines/0/quantity", "parameter": None}]
        if kind.status == 422
        else [],
    }


def preferred_language(accept_language: str | None) -> Language:
    """Russian when the reader puts it before English. Source: RFC 9110, section 12.5.4."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate((accept_language or "").split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        language = name.strip().lower().partition("-")[0]
        if language in LANGUAGES and quality > 0:
            wanted.append((-quality, place, language))
    return "ru" if wanted and min(wanted)[2] == "ru" else "en"


def prefers_json(accept: str | None) -> bool:
    """Whether JSON is asked for before HTML; a browser and `*/*` get the page."""
    names = [part.strip().partition(";")[0].strip().lower() for part in (accept or "").split(",")]
    json_at = next((n for n, name in enumerate(names) if name.endswith(("/json", "+json"))), None)
    html_at = next((n for n, name in enumerate(names) if name in {"text/html", "application/xhtml+xml"}), None)
    return json_at is not None and (html_at is None or json_at < html_at)
