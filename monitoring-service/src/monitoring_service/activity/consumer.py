"""Events of the others that show their work is done."""

from collections.abc import Sequence
from typing import Any

from monitoring_service.activity.service import remember
from shared.database.unit_of_work import UnitOfWork
from shared.events.data import ImportCompletedV1, ImportFailedV1
from shared.events.envelope import Envelope, Event
from shared.events.forecast import RunCompletedV1, RunFailedV1
from shared.events.notification import MessageFailedV1
from shared.events.storage import BackupCompletedV1, BackupFailedV1, BackupVerifiedV1, ExportCompletedV1
from shared.messaging.consumer import Subscription

_WATCHED: tuple[type[Event], ...] = (
    ImportCompletedV1,
    ImportFailedV1,
    RunCompletedV1,
    RunFailedV1,
    MessageFailedV1,
    ExportCompletedV1,
    BackupCompletedV1,
    BackupVerifiedV1,
    BackupFailedV1,
)


async def _remember(_event: Event, envelope: Envelope, work: UnitOfWork) -> None:
    await remember(work, envelope)


def subscriptions() -> Sequence[Subscription[Any, UnitOfWork]]:
    return [Subscription(event_class, _remember) for event_class in _WATCHED]
