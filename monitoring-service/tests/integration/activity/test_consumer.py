import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY

from monitoring_service.activity.consumer import subscriptions
from monitoring_service.activity.service import ActivityService, remember
from monitoring_service.resources import Resources
from monitoring_service.settings import Settings
from shared.events.envelope import Envelope
from shared.events.storage import BackupCompletedV1
from shared.messaging.transport import UnroutableError

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


def backup() -> Envelope:
    event = BackupCompletedV1(
        backup_id=uuid4(), owners=["data"], size_bytes=10, sha256="0" * 64, consistent_at=NOW, duration_seconds=1
    )
    return Envelope.of(event, source="/procurement/storage", subject=str(event.backup_id))


async def test_a_backup_event_shows_in_the_list_and_the_metrics_once(
    client_of: Callable[..., Any], settings: Settings, resources: Resources
) -> None:
    envelope = backup()
    chosen = settings.model_copy(update={"worker_in_process": True})
    async with client_of(chosen) as client:
        for _ in range(2):
            await publish_when_bound(resources, envelope)
        items = []
        for _ in range(30):  # also after it arrived: a second application would show by then
            await asyncio.sleep(0.05)
            items = (await client.get("/v1/activity")).json()["items"]
    assert [(i["event_type"], i["last_subject"], i["occurrences"]) for i in items] == [
        ("storage.backup.completed.v1", envelope.subject, 1)
    ]
    await ActivityService(resources.database).show_in_metrics()
    shown = REGISTRY.get_sample_value("platform_last_event_timestamp_seconds", {"event": "storage.backup.completed.v1"})
    assert shown == envelope.time.timestamp()


async def publish_when_bound(resources: Resources, envelope: Envelope) -> None:
    for _ in range(200):
        try:
            await resources.transport.publish([envelope])
        except UnroutableError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the worker has not declared its queues within ten seconds")


async def test_a_late_event_never_moves_the_last_moment_back(resources: Resources) -> None:
    newer = backup().model_copy(update={"time": NOW})
    older = backup().model_copy(update={"time": NOW - timedelta(days=1)})
    for envelope in (newer, older):
        async with resources.database.unit_of_work() as work:
            await remember(work, envelope)
            await work.commit()
    [activity] = await ActivityService(resources.database).list_activity()
    assert activity.last_at == NOW
    assert activity.occurrences == 2


async def test_everything_the_architecture_names_is_listened_to() -> None:
    assert {subscription.event_class.event_type for subscription in subscriptions()} == {
        "data.import.completed.v1",
        "data.import.failed.v1",
        "forecast.run.completed.v1",
        "forecast.run.failed.v1",
        "notification.message.failed.v1",
        "storage.export.completed.v1",
        "storage.backup.completed.v1",
        "storage.backup.verified.v1",
        "storage.backup.failed.v1",
    }


async def test_without_events_the_list_is_empty(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/activity")).json() == {"items": []}
