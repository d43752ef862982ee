"""SQL of incidents."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from monitoring_service.incidents.domain import IncidentState, OpenIncident
from monitoring_service.incidents.errors import IncidentNotFoundError
from monitoring_service.incidents.models import Incident, TimelineEntry


class IncidentRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_open(self) -> list[OpenIncident]:
        """Locked until the transaction ends, so that two rounds never change the same incident at once."""
        rows = await self._session.scalars(
            select(Incident).where(Incident.resolved_at.is_(None)).order_by(Incident.id).with_for_update()
        )
        return [OpenIncident(row.id, row.root, frozenset(row.affected)) for row in rows]

    async def count_open(self) -> int:
        statement = select(func.count()).select_from(Incident).where(Incident.resolved_at.is_(None))
        return (await self._session.execute(statement)).scalar_one()

    async def list_page(self, *, state: IncidentState | None, before: UUID | None, limit: int) -> Sequence[Incident]:
        """Newest first; ids grow with time."""
        statement = select(Incident).order_by(Incident.id.desc()).limit(limit)
        if state is not None:
            missing = Incident.resolved_at.is_(None)
            statement = statement.where(missing if state == "open" else ~missing)
        if before is not None:
            statement = statement.where(Incident.id < before)
        return (await self._session.scalars(statement)).all()

    async def get(self, incident_id: UUID, *, locked: bool = False) -> Incident:
        """With its timeline. Raises: IncidentNotFoundError."""
        statement = select(Incident).where(Incident.id == incident_id).options(selectinload(Incident.timeline))
        if locked:
            statement = statement.with_for_update(of=Incident)
        incident: Incident | None = await self._session.scalar(statement.execution_options(populate_existing=True))
        if incident is None:
            raise IncidentNotFoundError(f"There is no incident {incident_id}; GET /v1/incidents lists them.")
        return incident

    async def add(self, incident: Incident) -> None:
        self._session.add(incident)
        await self._session.flush()

    async def note(
        self,
        incident: Incident,
        kind: str,
        at: datetime,
        *,
        target: str | None = None,
        author: str | None = None,
        text: str | None = None,
    ) -> None:
        entry = TimelineEntry(incident_id=incident.id, at=at, kind=kind, target=target, author=author, text=text)
        self._session.add(entry)
        await self._session.flush()
