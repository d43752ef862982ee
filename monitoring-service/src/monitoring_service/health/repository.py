"""SQL of targets and probe results."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from monitoring_service.health.domain.state import Round, Status, TargetState
from monitoring_service.health.domain.targets import Kind
from monitoring_service.health.models import ProbeRecord, TargetRecord
from shared.database.base import new_id


class HealthRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def states(self) -> dict[str, TargetState]:
        rows = await self._session.scalars(select(TargetRecord).order_by(TargetRecord.name))
        return {row.name: _state(row) for row in rows}

    async def last_checked_at(self) -> datetime | None:
        return await self._session.scalar(select(func.max(TargetRecord.checked_at)))

    async def save_states(self, states: Mapping[str, TargetState]) -> None:
        """Writes these and forgets targets that are no longer probed."""
        await self._session.execute(delete(TargetRecord).where(TargetRecord.name.not_in(states)))
        for state in states.values():
            values = {**asdict(state), "suspects": list(state.suspects)}
            statement = insert(TargetRecord).values(values)
            changed = {name: statement.excluded[name] for name in values if name != "name"}
            await self._session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))

    async def add_results(self, turn: Round) -> None:
        rows = [
            {
                "id": new_id(),
                "target": outcome.target.name,
                "at": turn.at,
                "ok": outcome.ok,
                "latency_seconds": outcome.latency_seconds,
                "error": outcome.error,
            }
            for outcome in turn.outcomes
        ]
        if rows:
            await self._session.execute(insert(ProbeRecord), rows)

    async def list_results(
        self, *, target: str | None, failed_only: bool, before: UUID | None, limit: int
    ) -> Sequence[ProbeRecord]:
        """Newest first; ids grow with time."""
        statement = select(ProbeRecord).order_by(ProbeRecord.id.desc()).limit(limit)
        if target is not None:
            statement = statement.where(ProbeRecord.target == target)
        if failed_only:
            statement = statement.where(~ProbeRecord.ok)
        if before is not None:
            statement = statement.where(ProbeRecord.id < before)
        return (await self._session.scalars(statement)).all()

    async def prune_results(self, before: datetime) -> None:
        await self._session.execute(delete(ProbeRecord).where(ProbeRecord.at < before))


def _state(row: TargetRecord) -> TargetState:
    return TargetState(
        name=row.name,
        kind=Kind(row.kind),
        status=Status(row.status),
        since=row.since,
        checked_at=row.checked_at,
        previous_status=Status(row.previous_status) if row.previous_status else None,
        latency_seconds=row.latency_seconds,
        failures=row.failures,
        successes=row.successes,
        error=row.error,
        dependencies=row.dependencies,
        suspects=tuple(row.suspects),
    )
