"""SQL of alerts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from monitoring_service.alerts.domain import AlertStatus, ReceivedAlert
from monitoring_service.alerts.models import Alert
from shared.database.base import new_id


class AlertRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def store(self, alert: ReceivedAlert, now: datetime) -> AlertStatus | None:
        """Inserts or updates; returns the status known before. Two deliveries of one firing wait for each other."""
        values = {
            "ends_at": alert.ends_at,
            "status": alert.status.value,
            "name": alert.name,
            "severity": alert.severity,
            "service": alert.service,
            "summary": alert.summary,
            "description": alert.description,
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "generator_url": alert.generator_url,
            "received_at": now,
        }
        key = {"fingerprint": alert.fingerprint, "starts_at": alert.starts_at}
        inserted = await self._session.scalar(
            insert(Alert)
            .values(id=new_id(), **key, **values)
            .on_conflict_do_nothing(index_elements=["fingerprint", "starts_at"])
            .returning(Alert.id)
        )
        if inserted is not None:
            return None
        known = await self._session.scalar(select(Alert).filter_by(**key).with_for_update())
        if known is None:
            raise RuntimeError("an alert that was just in the way of an insert is gone; alerts are never deleted")
        before = AlertStatus(known.status)
        for name, value in values.items():
            setattr(known, name, value)
        await self._session.flush()
        return before

    async def list_page(self, *, status: AlertStatus | None, before: UUID | None, limit: int) -> Sequence[Alert]:
        """Newest first; ids grow with time."""
        statement = select(Alert).order_by(Alert.id.desc()).limit(limit)
        if status is not None:
            statement = statement.where(Alert.status == status.value)
        if before is not None:
            statement = statement.where(Alert.id < before)
        return (await self._session.scalars(statement)).all()
