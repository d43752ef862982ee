"""Use cases of activity."""

from collections.abc import Sequence

from prometheus_client import Gauge

from monitoring_service.activity.models import Activity
from monitoring_service.activity.repository import ActivityRepository
from monitoring_service.database import reaching_database
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.envelope import Envelope

LAST_EVENT = Gauge(
    "platform_last_event_timestamp_seconds", "When an event of this type last happened, Unix time.", ["event"]
)


async def remember(work: UnitOfWork, envelope: Envelope) -> None:
    """Counts an event inside the caller's unit of work."""
    await ActivityRepository(work.session).count(envelope.type, envelope.time, envelope.subject)


class ActivityService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_activity(self) -> Sequence[Activity]:
        async with reaching_database(), self._database.unit_of_work() as work:
            return await ActivityRepository(work.session).list_all()

    async def show_in_metrics(self) -> None:
        for activity in await self.list_activity():
            LAST_EVENT.labels(activity.event_type).set(activity.last_at.timestamp())
