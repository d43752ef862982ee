"""The pages about problems, in HTML."""

import json
from collections.abc import Iterable, Mapping
from html import escape

from gateway.documentation.domain.problems import LANGUAGES, Language, ProblemKind, problem_example

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "title": "Problems",
        "intro": "Every error of this platform is a problem document; `code` is what programs branch on.",
        "all": "All problems",
        "meaning": "What it means",
        "advice": "What to do",
        "example": "Example",
        "services": "Given by",
        "code": "Code",
        "status": "Status",
    },
    "ru": {
        "title": "Проблемы",
        "intro": "Каждая ошибка платформы — документ о проблеме; программы различают их по `code`.",
        "all": "Все проблемы",
        "meaning": "Что это значит",
        "advice": "Что делать",
        "example": "Пример",
        "services": "Кто сообщает",
        "code": "Код",
        "status": "Статус",
    },
}


def problem_page(kind: ProblemKind, language: Language) -> str:
    words = _WORDS[language]
    title = kind.title.in_language(language)
    example = json.dumps(problem_example(kind), indent=2, ensure_ascii=False)
    body = [
        (
            f"<p>{escape(words['status'])} <b>{kind.status}</b> · "
            f"{escape(words['code'])} <code>{escape(kind.code)}</code></p>"
        ),
        f"<h2>{escape(words['meaning'])}</h2><p>{_prose(kind.meaning.in_language(language))}</p>",
        f"<h2>{escape(words['advice'])}</h2><p>{_prose(kind.advice.in_language(language))}</p>",
        f"<h2>{escape(words['example'])}</h2><pre>{escape(example)}</pre>",
        f"<p>{escape(words['services'])}: {escape(', '.join(kind.services))}</p>",
        f'<p><a href="/problems?lang={language}">{escape(words["all"])}</a> · <a href="/docs">/docs</a></p>',
    ]
    return _page(title, body, kind.page, language)


def problem_list(kinds: Iterable[ProblemKind], language: Language) -> str:
    words = _WORDS[language]
    rows = [
        f'<tr><td>{kind.status}</td><td><a href="{escape(kind.page)}?lang={language}">'
        f"<code>{escape(kind.code)}</code></a></td><td>{escape(kind.title.in_language(language))}</td></tr>"
        for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code))
    ]
    head = f"<tr><th>{escape(words['status'])}</th><th>{escape(words['code'])}</th><th></th></tr>"
    body = [f"<p>{_prose(words['intro'])}</p>", f"<table>{head}{''.join(rows)}</table>"]
    return _page(words["title"], body, "/problems", language)


def _prose(text: str) -> str:
    """`code` in backticks; a full stop at the end."""
    parts = escape(text).split("`")
    marked = "".join(part if n % 2 == 0 else f"<code>{part}</code>" for n, part in enumerate(parts))
    return marked if marked.endswith(".") else f"{marked}."


def _page(title: str, body: Iterable[str], path: str, language: Language) -> str:
    links = " · ".join(
        f"<b>{other}</b>"
        if other == language
        else f'<a href="{escape(path)}?lang={other}" hreflang="{other}">{other}</a>'
        for other in LANGUAGES
    )
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="/docs/icon.svg">'
        '<link rel="stylesheet" href="/docs/page.css"></head>'
        f"<body><nav>{links}</nav><h1>{escape(title)}</h1>{''.join(body)}</body></html>\n"
    )
