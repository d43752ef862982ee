"""A published plan is exported by itself, when the settings ask for it."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.fakes.forecast import PLAN_ID

from shared.events.envelope import Envelope, source_of
from shared.events.forecast import RecommendationsPublishedV1
from shared.messaging.connect import open_transport
from shared.messaging.transport import Transport, UnroutableError
from storage_service.exports.consumer import subscriptions
from storage_service.resources import Resources, open_resources
from storage_service.settings import Settings

EVENT = RecommendationsPublishedV1(
    plan_id=PLAN_ID, run_id=uuid4(), recommendations=5, blocked=0, suppliers=[], most_urgent=[]
)
ENVELOPE = Envelope.of(EVENT, source=source_of("forecast"), subject=str(PLAN_ID))


async def receive(resources: Resources) -> None:
    (subscription,) = subscriptions(resources)
    async with resources.database.unit_of_work() as work:
        await subscription.handler(EVENT, ENVELOPE, work)
        await work.commit()


async def exports(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await client.get("/v1/exports")).json()["items"]


async def test_by_default_nobody_is_given_exports_they_did_not_ask_for(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await receive(resources)
    assert await exports(client) == []


@pytest.mark.parametrize("file_format", ["xlsx", "csv"])
async def test_the_configured_format_is_ordered_for_the_published_plan(
    client: httpx.AsyncClient, settings_of: Callable[..., Settings], file_format: str
) -> None:
    async with open_resources(settings_of(export_on_plan=file_format, export_language="ru")) as resources:
        await receive(resources)
    (export,) = await exports(client)
    assert (export["format"], export["language"], export["plan_id"]) == (file_format, "ru", str(PLAN_ID))
    assert export["requested_by"] is None


async def test_an_event_on_the_bus_ends_as_one_file_and_one_event(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings]
) -> None:
    settings = settings_of(export_on_plan="xlsx", worker_in_process=True)
    async with client_of(settings) as client, open_transport(settings.database_url, "test") as transport:
        await published(transport)
        await published(transport)  # the same event again, as at-least-once delivery allows
        for _ in range(200):
            found = await exports(client)
            if found and found[0]["status"] == "completed":
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        (export,) = await exports(client)
        assert (export["status"], export["rows"]) == ("completed", 5)


async def published(transport: Transport) -> None:
    """Waits for the queue: an event nobody is bound to is refused."""
    for _ in range(100):
        try:
            return await transport.publish([ENVELOPE])
        except UnroutableError:
            await asyncio.sleep(0.1)
    raise AssertionError("nobody listens to published plans")
