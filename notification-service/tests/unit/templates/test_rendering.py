"""Every event reads well in both languages, whatever its values are."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.telegram_html import parse_html

from notification_service.templates.adapters.environment import TemplateFiles, sample
from notification_service.templates.adapters.formats import Formats
from notification_service.templates.domain.markup import plain_text
from notification_service.templates.domain.names import LANGUAGES, LINKS, TITLES, Language
from notification_service.templates.errors import TemplateDataError, TemplateNotFoundError
from notification_service.templates.service import TOPICS, TemplateService

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOSTILE = "<b>Tom & \"Jerry\"</b>\n{{ 7*7 }} </a>\u202e\x00 'q'"


@pytest.fixture(scope="module")
def templates() -> TemplateService:
    return TemplateService(public_url="https://buy.example.com/", zone=UTC)


def render(templates: TemplateService, name: str, language: Language, **changes: Any) -> str:
    data = json.loads(sample(name)) | changes
    return templates.render(TOPICS[name].model_validate(data), language, AT)


def poisoned(value: Any) -> Any:
    """Every free text replaced by a hostile one; codes that must have a form stay."""
    if isinstance(value, dict):
        fixed = {"currency", "severity", "sha256"}
        return {k: v if k in fixed or k.endswith(("_id", "_at", "_on")) else poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    is_text = isinstance(value, str) and not value[:1].isdigit()
    return HOSTILE * 4 if is_text else value


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(TOPICS))
def test_the_sample_of_every_event_becomes_a_message_telegram_can_read(
    templates: TemplateService, name: str, language: Language
) -> None:
    message = render(templates, name, language)
    shown, entities = parse_html(message)
    assert shown == plain_text(message, links=False)
    assert entities[0]["type"] == "bold"
    assert "None" not in shown
    assert "\n\n\n" not in shown
    assert ("http" in message) == (name in LINKS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(TOPICS))
def test_hostile_texts_stay_texts_in_every_message(templates: TemplateService, name: str, language: Language) -> None:
    data = poisoned(json.loads(sample(name)))
    message = templates.render(TOPICS[name].model_validate(data), language, AT)
    shown, entities = parse_html(message)
    assert all(
        entity.get("url", "https://buy.example.com").startswith("https://buy.example.com") for entity in entities
    )
    assert "\x00" not in shown
    assert "\u202e" not in shown
    assert HOSTILE[:9] not in message


def test_every_event_has_a_title_and_every_link_names_a_field() -> None:
    assert set(TITLES) == set(TOPICS)
    for name, link in LINKS.items():
        assert link.format_map(TOPICS[name].model_validate_json(sample(name)).model_dump())


def test_a_stockout_message_shows_the_ten_most_valuable_lines_and_counts_the_rest(templates: TemplateService) -> None:
    risk = json.loads(sample("forecast.stockout-risk.detected"))["risks"][0]
    risks = [risk | {"sku": f"S{n}", "expected_shortage_value": f"{n}.00"} for n in range(1, 38)]
    shown = plain_text(render(templates, "forecast.stockout-risk.detected", "en", risks=risks))
    assert shown.startswith("🔴 37\u00a0articles will run out before a delivery can arrive\nAt risk: €703\n")
    assert "1. Mineral water 0.5 l (S37, MAIN): €37\n" in shown
    assert "10. Mineral water 0.5 l (S28, MAIN): €28\n" in shown
    assert "S27," not in shown
    assert "…and 27 more" in shown
    russian = plain_text(render(templates, "forecast.stockout-risk.detected", "ru", risks=risks[:21]))
    assert russian.startswith("🔴 21\u00a0товар закончится раньше, чем придёт поставка")
    assert "…и ещё 11" in russian


def test_an_article_in_two_warehouses_is_one_article_on_two_lines(templates: TemplateService) -> None:
    risk = json.loads(sample("forecast.stockout-risk.detected"))["risks"][0]
    risks = [risk, risk | {"warehouse": "SOUTH"}]
    shown = plain_text(render(templates, "forecast.stockout-risk.detected", "en", risks=risks))
    assert "1\u00a0article will run out" in shown
    assert "SOUTH" in shown


def test_amounts_of_several_currencies_are_not_added_up(templates: TemplateService) -> None:
    risk = json.loads(sample("forecast.stockout-risk.detected"))["risks"][0]
    risks = [risk | {"expected_shortage_value": "100"}, risk | {"expected_shortage_value": "250.5", "currency": "USD"}]
    shown = plain_text(render(templates, "forecast.stockout-risk.detected", "en", risks=risks))
    assert "At risk: $250.50 + €100\n" in shown


def test_an_empty_plan_says_that_nothing_has_to_be_ordered(templates: TemplateService) -> None:
    name = "forecast.recommendations.published"
    shown = plain_text(render(templates, name, "en", recommendations=0, blocked=0, suppliers=[], most_urgent=[]))
    assert shown.startswith("🛒 Order plan is ready: nothing has to be ordered\n")
    assert "urgent" not in shown


def test_an_import_without_quarantined_rows_warns_of_nothing(templates: TemplateService) -> None:
    counts = {"read": 1, "applied": 1, "unchanged": 0, "cleaned": 0, "quarantined": 0}
    shown = plain_text(render(templates, "data.import.completed", "ru", counts=counts, period_start=None))
    assert "карантин" not in shown
    assert "Прочитана 1\u00a0строка" in shown
    assert "период" not in shown


def test_without_a_public_address_messages_have_no_links() -> None:
    bare = TemplateService(public_url=None, zone=UTC)
    assert "<a " not in "".join(render(bare, name, "en") for name in TOPICS)


def test_moments_are_shown_in_the_configured_zone() -> None:
    moscow = TemplateService(public_url=None, zone=timezone(timedelta(hours=3), "MSK"))
    assert "Nov 22, 11:30 MSK" in render(moscow, "data.purchase-order.received", "en")


def test_a_sheet_is_linked_only_over_https(templates: TemplateService) -> None:
    safe = render(templates, "storage.export.completed", "en", url="https://docs.google.com/x?a=1&b=2", file_name=None)
    assert '<a href="https://docs.google.com/x?a=1&amp;b=2">Open the sheet</a>' in safe
    assert "javascript" not in render(templates, "storage.export.completed", "en", url="javascript:alert(1)")


def test_a_preview_shows_markup_text_and_how_many_messages_it_takes(templates: TemplateService) -> None:
    preview = templates.preview("data.import.failed.v1", "en", None)
    assert "<b>Import failed: stock</b>" in preview.html
    assert preview.text.startswith("❌ Import failed: stock")
    assert preview.messages == 1


def test_a_preview_refuses_unknown_names_and_data_that_does_not_fit(templates: TemplateService) -> None:
    with pytest.raises(TemplateNotFoundError, match="GET /v1/templates"):
        templates.preview("data.stock.changed", "en", None)
    with pytest.raises(TemplateDataError) as refused:
        templates.preview("data.purchase-order.ordered", "en", {"order_id": "x", "value": "NaN"})
    assert {"/data/order_id", "/data/value", "/data/number"} <= {e.pointer for e in refused.value.errors}


@pytest.mark.parametrize("value", ["1E+1000000", "99999999999999999999.99", "0.000000001"])
def test_absurd_amounts_are_shown_and_break_nothing(templates: TemplateService, value: str) -> None:
    message = render(templates, "data.purchase-order.ordered", "ru", value=value)
    assert parse_html(message)
    assert len(message) < 1000


def test_absurd_numbers_are_shown_and_break_nothing() -> None:
    formats = Formats("en", UTC, AT.date())
    infinity = float("inf")
    assert [formats.number(infinity), formats.percent(infinity), formats.duration(infinity)] == ["INF", "INF", "INF"]
    assert formats.money(Decimal("1E+30"), "EUR") == "1.00E+30 EUR"
    assert formats.size(0) == "0 byte"
    assert formats.size(10**18) == "1,000,000 TB"


def test_templates_can_neither_change_values_nor_reach_behind_them() -> None:
    environment = TemplateFiles()._environment
    for source in (
        "{{ ''.__class__.__mro__ }}",
        "{{ items.append(1) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ ''|attr('__class__') }}",
        "{{ self._TemplateReference__context }}",
        "{{ range(10**9)|list }}",
        "{{ missing }}",
    ):
        with pytest.raises(Exception, match=r"(?i)unsafe|undefined|has no attribute|too big|range"):
            environment.from_string(source).render({"items": [1]})
