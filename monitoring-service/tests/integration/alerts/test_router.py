import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from monitoring_service.app import create_app
from monitoring_service.settings import Settings
from shared.testing.asgi import running
from shared.testing.conformance import assert_problem
from shared.testing.identities import TEST_KEYS

BEARER = {"Authorization": "Bearer alertmanager-token"}


def alert(status: str = "firing", fingerprint: str = "a1b2c3d4e5f60718", **changes: Any) -> dict[str, Any]:
    """As Alertmanager 0.25 sends it."""
    return {
        "status": status,
        "labels": {"alertname": "ServiceDown", "severity": "page", "service": "data", "instance": "data-service:8000"},
        "annotations": {"summary": "data-service does not answer", "description": "See the runbook."},
        "startsAt": "2026-11-22T10:00:00.123Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-22T10:05:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": fingerprint,
        **changes,
    }


def webhook(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "receiver": "platform",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "ServiceDown"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="ServiceDown"}',
        "truncatedAlerts": 0,
        **changes,
    }


async def events(settings: Settings) -> list[tuple[str, dict[str, Any]]]:
    connection = await asyncpg.connect(settings.database_url)
    rows = await connection.fetch("SELECT type, envelope::text AS envelope FROM monitoring.outbox ORDER BY sequence")
    await connection.close()
    return [(row["type"], json.loads(row["envelope"])["data"]) for row in rows]


async def send(client: httpx.AsyncClient, *alerts: dict[str, Any]) -> dict[str, int]:
    response = await client.post("/v1/alerts", json=webhook(*alerts))
    assert response.status_code == 200, response.text
    report: dict[str, int] = response.json()
    return report


async def test_an_alert_is_stored_once_however_often_it_is_sent(client: httpx.AsyncClient, settings: Settings) -> None:
    assert await send(client, alert()) == {"received": 1, "fired": 1, "resolved": 0}
    assert await send(client, alert()) == {"received": 1, "fired": 0, "resolved": 0}
    [item] = (await client.get("/v1/alerts")).json()["items"]
    assert (item["name"], item["status"], item["severity"], item["service"]) == (
        "ServiceDown",
        "firing",
        "critical",
        "data",
    )
    assert item["ends_at"] is None
    [(kind, data)] = await events(settings)
    assert kind == "monitoring.alert.fired.v1"
    assert data["summary"] == "data-service does not answer"
    assert data["started_at"].startswith("2026-11-22T10:00:00.123")


async def test_the_end_of_an_alert_is_told_once(client: httpx.AsyncClient, settings: Settings) -> None:
    await send(client, alert())
    assert (await send(client, alert("resolved")))["resolved"] == 1
    assert (await send(client, alert("resolved")))["resolved"] == 0
    [item] = (await client.get("/v1/alerts", params={"status": "resolved"})).json()["items"]
    assert item["ends_at"] == "2026-11-22T10:05:00Z"
    assert [kind for kind, _ in await events(settings)] == ["monitoring.alert.fired.v1", "monitoring.alert.resolved.v1"]


async def test_the_same_alert_at_another_time_is_another_firing(client: httpx.AsyncClient) -> None:
    await send(client, alert())
    await send(client, alert("resolved"))
    assert (await send(client, alert(startsAt="2026-11-22T12:00:00+03:00")))["fired"] == 1
    assert len((await client.get("/v1/alerts")).json()["items"]) == 2


async def test_parallel_deliveries_of_one_notification_tell_it_once(
    client_of: Callable[..., Any], settings: Settings
) -> None:
    alerts = [alert(fingerprint=f"f{n}") for n in range(20)]
    async with client_of(settings) as client:
        reports = await asyncio.gather(*(send(client, *alerts, *reversed(alerts)) for _ in range(8)))
    assert sum(report["fired"] for report in reports) == 20
    assert len(await events(settings)) == 20


async def test_alertmanager_needs_its_token_and_nothing_else(settings: Settings) -> None:
    async with (
        running(create_app(settings, TEST_KEYS)) as transport,
        httpx.AsyncClient(transport=transport, base_url="http://service") as stranger,
    ):
        assert (await stranger.post("/v1/alerts", json=webhook(alert()), headers=BEARER)).status_code == 200
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer "},
            {"Authorization": "Basic x"},
        ):
            assert_problem(await stranger.post("/v1/alerts", json=webhook(), headers=headers), 401, "unauthenticated")


async def test_without_a_configured_token_an_empty_one_opens_nothing(settings: Settings) -> None:
    closed = settings.model_copy(update={"alert_webhook_token": type(settings.alert_webhook_token)("")})
    async with (
        running(create_app(closed, TEST_KEYS)) as transport,
        httpx.AsyncClient(transport=transport, base_url="http://service") as stranger,
    ):
        response = await stranger.post("/v1/alerts", json=webhook(), headers={"Authorization": "Bearer "})
        assert_problem(response, 401, "unauthenticated")


async def test_a_buyer_cannot_send_alerts(client_of: Callable[..., Any], settings: Settings) -> None:
    async with client_of(settings, roles=["buyer"]) as buyer:
        assert_problem(await buyer.post("/v1/alerts", json=webhook(alert())), 403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [
        {},
        webhook(version="3"),
        webhook(alert(status="odd")),
        webhook(alert(startsAt="yesterday")),
        webhook(alert(startsAt="2026-11-22T10:00:00")),
        webhook(alert(startsAt="0001-01-01T00:00:00+14:00")),
        webhook(alert(fingerprint="")),
        webhook(alert(labels={"a": 1})),
        webhook(alert(labels={"": "x"})),
        webhook(*[alert()] * 5001),
        [],
    ],
)
async def test_a_notification_of_another_form_is_refused_whole(
    client: httpx.AsyncClient, settings: Settings, body: Any
) -> None:
    assert_problem(await client.post("/v1/alerts", json=body), 422)
    assert await events(settings) == []


async def test_strange_but_valid_text_is_kept_as_far_as_it_can_be(client: httpx.AsyncClient) -> None:
    odd = alert(labels={"alertname": "n" * 3000, "who": "a\x00b", "ж": "ё"}, annotations={})
    await send(client, odd)
    [item] = (await client.get("/v1/alerts")).json()["items"]
    assert item["labels"]["who"] == "ab"
    assert item["labels"]["ж"] == "ё"
    assert item["name"] == "n" * 255
    assert item["severity"] == "warning"


@pytest.mark.parametrize("body", [b'{"version":"4","status":"firing","receiver":"\\ud800","alerts":[]}', b"{", b"\xff"])
async def test_broken_json_is_the_senders_mistake(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/v1/alerts", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}, response.text
