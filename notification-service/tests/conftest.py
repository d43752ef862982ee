"""A migrated database, the application, a fake Telegram, and the sender between them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_oracle import violations

from notification_service.app import create_app, open_tasks
from notification_service.messages.service import MessageQueue
from notification_service.resources import Resources, open_resources
from notification_service.settings import Settings
from notification_service.templates.adapters.environment import sample
from notification_service.templates.service import TOPICS, TemplateService
from shared.events.envelope import Envelope, source_of
from shared.messaging.worker import background
from shared.observability.logging import configure_logging
from shared.testing.asgi import running
from shared.testing.identities import TEST_KEYS, identity_headers

OWNER = "00000000-0000-7000-8000-0000000000aa"
STRANGER = "00000000-0000-7000-8000-0000000000bb"


async def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value of the condition, which may be a coroutine function."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.03)


def envelope_of(name: str, **changes: Any) -> Envelope:
    event = TOPICS[name].model_validate(json.loads(sample(name)) | changes)
    return Envelope.of(event, source=source_of(event.owner()), subject="test")


@dataclass
class Platform:
    """The service's own database, with what tests do to it and read from it."""

    settings: Settings
    resources: Resources

    async def subscribe(self, address: str = "4242", **values: Any) -> UUID:
        columns = {"owner": OWNER, "channel": "telegram", "language": "en", "event_types": ["*"], "active": True}
        async with self.resources.database.unit_of_work() as work:
            row = await work.session.execute(
                text(
                    "INSERT INTO subscriptions (id, owner, channel, address, language, event_types, active) VALUES "
                    "(gen_random_uuid(), :owner, :channel, :address, :language, :event_types, :active) RETURNING id"
                ),
                columns | {"address": address} | values,
            )
            await work.commit()
            return UUID(str(row.scalar_one()))

    async def tell(self, name: str = "forecast.run.failed", **changes: Any) -> Envelope:
        """Queues the messages of one event."""
        envelope = envelope_of(name, **changes)
        await self.enqueue(envelope)
        return envelope

    async def enqueue(self, envelope: Envelope) -> int:
        queue = MessageQueue(TemplateService(public_url=None, zone=UTC))
        event = next(e for e in TOPICS.values() if e.event_type == envelope.type)
        async with self.resources.database.unit_of_work() as work:
            added = await queue.enqueue(envelope.payload(event), envelope, work)
            await work.commit()
            return added

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        async with self.resources.database.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(query), values)).mappings()]

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.resources.database.engine.begin() as connection:
            await connection.execute(text(statement), values)

    async def messages(self) -> list[dict[str, Any]]:
        return await self.rows("SELECT * FROM messages ORDER BY position")

    async def statuses(self) -> list[str]:
        return [row["status"] for row in await self.messages()]

    async def settled(self) -> list[dict[str, Any]]:
        """All messages, once none is on its way."""

        async def ended() -> bool:
            return not {"queued", "sending"} & set(await self.statuses())

        await eventually(ended)
        return await self.messages()

    async def failures(self) -> list[dict[str, Any]]:
        """Data of the published notification.message.failed events."""
        rows = await self.rows("SELECT envelope FROM outbox ORDER BY sequence")
        return [row["envelope"]["data"] for row in rows]


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    """Everything that was said to it and that it answered is checked against aiogram's models in the end."""
    async with FakeTelegram() as server:
        yield server
        assert violations(server.state.calls) == []


@pytest.fixture
def settings(database_url_for: Callable[[str], str], fake: FakeTelegram) -> Settings:
    return Settings(
        environment="test",
        database_url=database_url_for("notification"),
        telegram_token=TOKEN,
        telegram_api_base_url=fake.base_url,
        telegram_read_timeout_seconds=30,
        delivery_poll_seconds=0.05,
        delivery_pause_seconds=0.3,
        delivery_failures_limit=3,
    )


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    configure_logging("notification")
    async with open_resources(settings) as resources:
        yield Platform(settings, resources)


RunSender = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def sender(platform: Platform) -> RunSender:
    """`async with sender(): …` runs the sender, with other settings when given."""

    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[None]:
        settings = platform.settings.model_copy(update=changes)
        async with (
            open_tasks(settings, platform.resources) as tasks,
            background([task for task in tasks if task.name == "sender"]),
        ):
            yield

    return run


@pytest.fixture
async def transport(platform: Platform) -> AsyncIterator[httpx.ASGITransport]:
    async with running(create_app(platform.settings, TEST_KEYS)) as served:
        yield served


def _client(transport: httpx.ASGITransport, **claims: Any) -> httpx.AsyncClient:
    headers = identity_headers("notification", **claims)
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


@pytest.fixture
async def client(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """A buyer."""
    async with _client(transport, sub=OWNER, roles=["buyer"]) as http:
        yield http


@pytest.fixture
async def stranger(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Another buyer."""
    async with _client(transport, sub=STRANGER, roles=["buyer"]) as http:
        yield http


@pytest.fixture
async def admin(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(transport) as http:
        yield http


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually


@pytest.fixture(name="envelope_of")
def _envelope_of() -> Callable[..., Envelope]:
    """`envelope_of("data.import.failed", detail="…")`: the event's sample, changed."""
    return envelope_of
