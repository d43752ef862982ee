"""SQL of activity."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from monitoring_service.activity.models import Activity


class ActivityRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count(self, event_type: str, at: datetime, subject: str) -> None:
        """Events may arrive late and out of order; the last moment never moves back."""
        statement = insert(Activity).values(event_type=event_type, last_at=at, last_subject=subject, occurrences=1)
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["event_type"],
                set_={
                    "last_at": func.greatest(Activity.last_at, statement.excluded.last_at),
                    "last_subject": statement.excluded.last_subject,
                    "occurrences": Activity.occurrences + 1,
                },
            )
        )

    async def list_all(self) -> Sequence[Activity]:
        return (await self._session.scalars(select(Activity).order_by(Activity.event_type))).all()
