"""Use cases of incidents, and the ledger the probes write them with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from monitoring_service.database import reaching_database
from monitoring_service.incidents.domain import Change, IncidentState, Joined, Opened, OpenIncident, Recovered, Resolved
from monitoring_service.incidents.errors import IncidentResolvedError
from monitoring_service.incidents.models import Incident
from monitoring_service.incidents.repository import IncidentRepository
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.monitoring import AlertFiredV1, AlertResolvedV1

_ALERT_NAME = "TargetDown"
_SERVERS = {"postgres": "PostgreSQL", "redis": "Redis", "broker": "RabbitMQ"}


async def count_open_incidents(work: UnitOfWork) -> int:
    return await IncidentRepository(work.session).count_open()


class IncidentLedger:
    """Applies what a round of probes changed, inside the caller's unit of work; the caller commits."""

    def __init__(self, work: UnitOfWork, owners: dict[str, str | None]) -> None:
        """`owners` maps target names to the owner name of the service behind them."""
        self._work = work
        self._owners = owners
        self._incidents = IncidentRepository(work.session)
        self._opened: dict[str, UUID] = {}

    async def list_open(self) -> list[OpenIncident]:
        return await self._incidents.list_open()

    async def apply(self, changes: Sequence[Change], at: datetime) -> None:
        for change in changes:
            match change:
                case Opened():
                    await self._open(change, at)
                case Joined():
                    await self._join(change, at)
                case Recovered():
                    await self._recover(change, at)
                case Resolved():
                    await self._resolve(change, at)

    async def _open(self, change: Opened, at: datetime) -> None:
        incident = Incident(
            root=change.root,
            severity="critical",
            summary=f"{_SERVERS.get(change.root, change.root)} does not answer: {change.error or 'no reason known'}",
            affected=[change.root],
            opened_at=at,
        )
        await self._incidents.add(incident)
        await self._incidents.note(incident, "opened", at, target=change.root, text=change.error)
        self._opened[change.root] = incident.id
        await self._work.publish(AlertFiredV1(**self._alert(incident)), subject=_fingerprint(incident))

    async def _join(self, change: Joined, at: datetime) -> None:
        incident = await self._incidents.get(change.incident_id or self._opened[change.root])
        incident.affected = [*incident.affected, change.target]
        await self._incidents.note(incident, "affected", at, target=change.target)

    async def _recover(self, change: Recovered, at: datetime) -> None:
        incident = await self._incidents.get(change.incident_id)
        incident.affected = [name for name in incident.affected if name != change.target]
        await self._incidents.note(incident, "moved" if change.moved else "recovered", at, target=change.target)

    async def _resolve(self, change: Resolved, at: datetime) -> None:
        incident = await self._incidents.get(change.incident_id)
        incident.resolved_at = at
        await self._incidents.note(incident, "resolved", at)
        event = AlertResolvedV1(**self._alert(incident), resolved_at=at)
        await self._work.publish(event, subject=_fingerprint(incident))

    def _alert(self, incident: Incident) -> dict[str, object]:
        return {
            "fingerprint": _fingerprint(incident),
            "name": _ALERT_NAME,
            "severity": incident.severity,
            "service": self._owners.get(incident.root),
            "summary": incident.summary,
            "incident_id": incident.id,
            "started_at": incident.opened_at,
        }


def _fingerprint(incident: Incident) -> str:
    return f"target-down:{incident.root}"


class IncidentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_incidents(
        self, *, state: IncidentState | None, before: UUID | None, limit: int
    ) -> Sequence[Incident]:
        async with reaching_database(), self._database.unit_of_work() as work:
            return await IncidentRepository(work.session).list_page(state=state, before=before, limit=limit)

    async def get_incident(self, incident_id: UUID) -> Incident:
        """With its timeline. Raises: IncidentNotFoundError."""
        async with reaching_database(), self._database.unit_of_work() as work:
            return await IncidentRepository(work.session).get(incident_id)

    async def acknowledge(self, incident_id: UUID, *, person: str, note: str | None) -> Incident:
        """Somebody has taken it; further ones only add their note to the timeline.

        Raises: IncidentNotFoundError; IncidentResolvedError when it is over.
        """
        now = datetime.now(UTC)
        async with reaching_database(), self._database.unit_of_work() as work:
            incidents = IncidentRepository(work.session)
            incident = await incidents.get(incident_id, locked=True)
            if incident.resolved_at is not None:
                ended = incident.resolved_at.isoformat(timespec="seconds")
                raise IncidentResolvedError(f"Incident {incident_id} ended at {ended}; there is nothing to take over.")
            if incident.acknowledged_at is None:
                incident.acknowledged_at, incident.acknowledged_by = now, person
            await incidents.note(incident, "acknowledged", now, author=person, text=note)
            await work.commit()
            return await incidents.get(incident_id)
