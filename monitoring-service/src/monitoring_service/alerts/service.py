"""Use cases of alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from monitoring_service.alerts.domain import AlertStatus, ReceivedAlert, is_news
from monitoring_service.alerts.models import Alert
from monitoring_service.alerts.repository import AlertRepository
from monitoring_service.database import reaching_database
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.monitoring import AlertFiredV1, AlertResolvedV1


@dataclass(frozen=True)
class Reception:
    received: int
    fired: int
    resolved: int


class AlertService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def receive(self, alerts: Sequence[ReceivedAlert]) -> Reception:
        """Stores every alert of a notification or none; events tell only what changed, so repeats are harmless."""
        now = datetime.now(UTC)
        told: list[AlertStatus] = []
        async with reaching_database(), self._database.unit_of_work() as work:
            repository = AlertRepository(work.session)
            # One order for all notifications: two that share alerts must not wait for each other crosswise.
            for alert in sorted(alerts, key=lambda a: (a.fingerprint, a.starts_at)):
                if is_news(await repository.store(alert, now), alert.status):
                    await _tell(work, alert, now)
                    told.append(alert.status)
            await work.commit()
        fired = told.count(AlertStatus.FIRING)
        return Reception(received=len(alerts), fired=fired, resolved=len(told) - fired)

    async def list_alerts(self, *, status: AlertStatus | None, before: UUID | None, limit: int) -> Sequence[Alert]:
        async with reaching_database(), self._database.unit_of_work() as work:
            return await AlertRepository(work.session).list_page(status=status, before=before, limit=limit)


async def _tell(work: UnitOfWork, alert: ReceivedAlert, now: datetime) -> None:
    about = {
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "severity": alert.severity,
        "service": alert.service,
        "summary": alert.summary,
        "description": alert.description,
        "started_at": alert.starts_at,
    }
    if alert.status is AlertStatus.FIRING:
        await work.publish(AlertFiredV1(**about), subject=alert.fingerprint)
    else:
        await work.publish(AlertResolvedV1(**about, resolved_at=alert.ends_at or now), subject=alert.fingerprint)
