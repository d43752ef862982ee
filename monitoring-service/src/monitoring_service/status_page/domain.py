"""Words of the status page, and how moments and spans read in each language."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

Language = Literal["en", "ru"]

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "title": "Platform status",
        "operational": "Everything works",
        "degraded": "Partly disturbed",
        "outage": "Nothing answers",
        "unknown": "Not known yet",
        "up": "works",
        "down": "does not answer",
        "since": "since",
        "latency": "answer in",
        "as_of": "As of",
        "live": "The monitoring database is away: this was asked just now, incidents cannot be shown.",
        "targets": "Services and servers",
        "open_incidents": "Open incidents",
        "no_open_incidents": "No open incidents.",
        "past_incidents": "Last incidents",
        "no_past_incidents": "No incidents so far.",
        "affected": "affected",
        "acknowledged": "taken over by",
        "lasted": "lasted",
        "no_targets": "Nothing is probed yet: set MONITORING_TARGETS and start the worker.",
        "other_language": "По-русски",
        "milliseconds": "ms",
        "dependencies": "Reports as away",
    },
    "ru": {
        "title": "Состояние платформы",
        "operational": "Всё работает",
        "degraded": "Работает с нарушениями",
        "outage": "Ничего не отвечает",
        "unknown": "Пока неизвестно",
        "up": "работает",
        "down": "не отвечает",
        "since": "с",
        "latency": "ответ за",
        "as_of": "По состоянию на",
        "live": "База мониторинга недоступна: опрошено только что, инциденты показать нельзя.",
        "targets": "Сервисы и серверы",
        "open_incidents": "Открытые инциденты",
        "no_open_incidents": "Открытых инцидентов нет.",
        "past_incidents": "Последние инциденты",
        "no_past_incidents": "Инцидентов ещё не было.",
        "affected": "затронуты",
        "acknowledged": "взято в работу:",
        "lasted": "длился",
        "no_targets": "Пока ничего не опрашивается: задайте MONITORING_TARGETS и запустите worker.",
        "other_language": "In English",
        "milliseconds": "мс",
        "dependencies": "Сообщает о недоступности",
    },
}
_UNITS: Mapping[Language, tuple[str, str, str, str]] = {"en": ("d", "h", "min", "s"), "ru": ("д", "ч", "мин", "с")}


def choose_language(asked: Language | None, accept_language: str) -> Language:
    """The one asked for, else the first of the browser's that we speak, else English."""
    if asked is not None:
        return asked
    for choice in accept_language.lower().split(","):
        tag = choice.partition(";")[0].strip()[:2]
        if tag == "ru":
            return "ru"
        if tag == "en":
            return "en"
    return "en"


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def span_text(span: timedelta, language: Language) -> str:
    """The two largest units, rounded down: `3 h 5 min`."""
    seconds = max(0, int(span.total_seconds()))
    amounts = (seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    named = list(zip(amounts, _UNITS[language], strict=True))
    first = next((i for i, amount in enumerate(amounts) if amount), len(amounts) - 1)
    shown = [(amount, unit) for amount, unit in named[first : first + 2] if amount] or named[-1:]
    return " ".join(f"{amount} {unit}" for amount, unit in shown)
