import asyncio
import html.parser
from collections.abc import Callable
from typing import Any

import httpx

from monitoring_service.health.service import Watch
from monitoring_service.resources import Resources
from monitoring_service.settings import Settings

VOID = {"meta", "link", "br", "img", "input"}


class Outline(html.parser.HTMLParser):
    """Fails on a tag that is closed wrongly."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_reads_in_both_languages(client: httpx.AsyncClient) -> None:
    english = await client.get("/v1/status-page")
    russian = await client.get("/v1/status-page", headers={"Accept-Language": "ru-RU,ru;q=0.9"})
    asked = await client.get("/v1/status-page", params={"language": "ru"}, headers={"Accept-Language": "en"})
    assert "Platform status" in english.text
    assert "Состояние платформы" in russian.text
    assert asked.headers["content-language"] == russian.headers["content-language"] == "ru"
    for page in (english, russian):
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        outline = Outline()
        outline.feed(page.text)
        assert outline.open == []
        assert ("name", "viewport") in outline.attributes


async def test_the_page_shows_what_is_wrong_and_escapes_what_targets_say(
    servers, client_of: Callable[..., Any], settings: Settings, resources: Resources
) -> None:
    server = await servers()
    server.status = 503
    server.body = {"dependencies": {"<script>alert(1)</script>": {"status": "down", "error": "</style><b>"}}}
    chosen = settings.model_copy(update={"targets": {"data-service": server.url}})
    watch = Watch.of(chosen, resources)
    for _ in range(2):
        await watch.take_turn()
        await asyncio.sleep(0.03)
    async with client_of(chosen) as client:
        page = (await client.get("/v1/status-page")).text
    assert "<script" not in page
    assert "</style><b>" not in page
    assert "&lt;script&gt;" in page
    assert "does not answer" in page
    assert "Partly disturbed" in page
    assert page.count("data-service does not answer") == 1
