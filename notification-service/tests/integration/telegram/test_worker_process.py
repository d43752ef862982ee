"""The worker as a process of its own, killed where it hurts most."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.telegram import TOKEN, FakeTelegram

from shared.messaging.connect import open_transport
from shared.messaging.transport import UnroutableError

pytestmark = pytest.mark.timeout(300)  # processes start slowly on a busy machine


class Workers:
    def __init__(self, settings: Any, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._count = 0

    @asynccontextmanager
    async def running(self, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Stopped with SIGTERM in the end, if it still runs, and then its exit code is 0."""
        self._count += 1
        variables = {
            "NOTIFICATION_ENVIRONMENT": "test",
            "NOTIFICATION_DATABASE_URL": self._settings.database_url,
            "NOTIFICATION_TELEGRAM_TOKEN": TOKEN,
            "NOTIFICATION_TELEGRAM_API_BASE_URL": self._settings.telegram_api_base_url,
            "NOTIFICATION_TELEGRAM_READ_TIMEOUT_SECONDS": "60",
            "NOTIFICATION_DELIVERY_POLL_SECONDS": "0.05",
            "NOTIFICATION_WORKER_METRICS_PORT": "0",
        }
        with (self._folder / f"worker-{self._count}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "notification_service.worker",
                env=os.environ | variables | environment,
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                    assert await asyncio.wait_for(process.wait(), 60) == 0

    def logs(self) -> str:
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self._folder.glob("*.log")))


@pytest.fixture
def workers(settings: Any, tmp_path: Path) -> Workers:
    return Workers(settings, tmp_path)


def _more_than(items: list[Any], count: int) -> bool:
    return len(items) > count


async def kill(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


async def test_a_sender_killed_between_intent_and_answer_leaves_the_message_uncertain_and_undoubled(
    platform: Any, fake: FakeTelegram, workers: Workers, eventually: Any
) -> None:
    await platform.subscribe("1")
    await platform.subscribe("2")
    await platform.tell()
    fake.fault(method="sendMessage", chat_id=1, action="hang_after_accept")
    async with workers.running() as first:
        await eventually(lambda: len(fake.state.sent) == 2)
        await kill(first)
    assert (await platform.statuses())[0] == "sending"
    await platform.tell(detail="after the crash")
    async with workers.running():
        messages = await platform.settled()
    assert messages[0]["status"] == "uncertain"
    assert messages[0]["code"] == "sender_died"
    assert {m["status"] for m in messages[2:]} == {"sent"}
    assert len(fake.state.texts(1)) == 2
    assert len(fake.state.texts(2)) == 2
    assert TOKEN not in workers.logs()
    (attempt,) = await platform.rows("SELECT * FROM attempts WHERE message_id = :id", id=messages[0]["id"])
    assert (attempt["code"], attempt["ended_at"] is not None) == ("sender_died", True)


async def test_senders_killed_at_any_moment_lose_nothing_and_double_nothing_unmarked(
    platform: Any, fake: FakeTelegram, workers: Workers, eventually: Any
) -> None:
    chats = 60
    for chat in range(1, chats + 1):
        await platform.subscribe(str(chat))
    await platform.tell()
    fake.fault(method="sendMessage", action="slow", seconds=0.15, times=10**6)
    for kills in range(1, 4):
        async with workers.running(NOTIFICATION_DELIVERY_CONCURRENCY="4") as process:
            before = len(fake.state.sent)
            await eventually(partial(_more_than, fake.state.sent, before + 2))
            await asyncio.sleep(0.061 * kills)
            await kill(process)
    async with workers.running():
        messages = await platform.settled()
    arrived = {m["chat"]["id"] for m in fake.state.sent}
    statuses = {int(m["address"]): m["status"] for m in messages}
    assert set(statuses.values()) <= {"sent", "uncertain"}
    assert all(chat in arrived for chat, status in statuses.items() if status == "sent")
    assert len(fake.state.sent) == len(arrived), "a message was doubled"
    assert 1 <= list(statuses.values()).count("uncertain") <= 3 * 4


async def test_an_event_published_by_a_neighbour_arrives_in_the_chat(
    platform: Any, fake: FakeTelegram, workers: Workers, envelope_of: Any, eventually: Any
) -> None:
    await platform.subscribe("4242", language="ru", event_types=["forecast.stockout-risk.detected"])
    async with workers.running(NOTIFICATION_PUBLIC_URL="https://buy.example.com"):

        async def bound() -> bool:
            return "worker_started" in workers.logs()

        await eventually(bound)
        async with open_transport(platform.settings.database_url, "test") as transport:

            async def published() -> bool:
                try:
                    await transport.publish([envelope_of("forecast.stockout-risk.detected")])
                except UnroutableError:  # the worker has not declared its queues yet
                    return False
                return True

            await eventually(published)
        await eventually(lambda: fake.state.sent)
    assert fake.state.texts(4242)[0].startswith("🔴 12\u00a0товаров закончатся раньше, чем придёт поставка\n")


async def test_a_worker_without_a_token_says_so_on_its_console(platform: Any, workers: Workers) -> None:
    await platform.subscribe("4242")
    await platform.tell()
    async with workers.running(NOTIFICATION_TELEGRAM_TOKEN=""):
        (message,) = await platform.settled()
    assert (message["status"], message["channel"]) == ("sent", "console")
    assert "--- console channel (no Telegram token), to 4242\n❌ Forecast failed" in workers.logs()
