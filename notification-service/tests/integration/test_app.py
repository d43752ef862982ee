"""What every service must do alike."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.fakes.telegram import TOKEN

from notification_service.app import create_app
from shared.testing.asgi import running
from shared.testing.conformance import check_service
from shared.testing.identities import TEST_KEYS


async def test_the_service_does_what_all_services_do(platform: Any) -> None:
    app: FastAPI = create_app(platform.settings, TEST_KEYS)
    async with running(app) as transport, httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        await check_service(app, client, "notification")


@pytest.mark.parametrize(("token", "channel"), [(None, "console"), (TOKEN, "telegram")])
async def test_readiness_shows_which_channel_is_used(platform: Any, token: str | None, channel: str) -> None:
    settings = platform.settings.model_validate(platform.settings.model_dump() | {"telegram_token": token})
    async with (
        running(create_app(settings, TEST_KEYS)) as transport,
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        ready = (await client.get("/health/ready")).json()
    assert ready["dependencies"]["delivery"]["channel"] == channel


async def test_on_one_machine_the_http_process_does_the_worker_s_work_too(platform: Any, fake: Any) -> None:
    await platform.subscribe("4242")
    await platform.tell()
    settings = platform.settings.model_copy(update={"worker_in_process": True})
    async with running(create_app(settings, TEST_KEYS)):
        await platform.settled()
    assert len(fake.state.texts(4242)) == 1
