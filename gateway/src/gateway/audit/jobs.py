"""Work beside the requests."""

from datetime import UTC, datetime, timedelta

from gateway.audit.domain.entries import Origin
from gateway.audit.service import AuditService, Sealer
from shared.database.schedule import run_periodically
from shared.database.unit_of_work import Database

_HOUR = 3600.0
_VERIFY_EVERY = timedelta(hours=20)
_NIGHT_HOURS = range(1, 5)  # UTC
_OVERDUE = timedelta(hours=25)


async def seal_days(database: Database, sealer: Sealer) -> None:
    """For ever, on one replica at a time: every hour, so that a day that is over is sealed within the next one."""

    async def seal() -> None:
        await sealer.seal()

    await run_periodically(database, "seal-audit", _HOUR, seal)


async def verify_nightly(database: Database, audit: AuditService) -> None:
    """For ever, on one replica at a time: the whole trail once a night, or by day when the night was missed."""

    async def verify() -> None:
        if is_due(await audit.verified_at(), datetime.now(UTC)):
            await audit.verify(origin=Origin("schedule", None))

    await run_periodically(database, "verify-audit", _HOUR, verify)


def is_due(verified_at: datetime | None, now: datetime) -> bool:
    if verified_at is None:
        return True
    age = now - verified_at
    return age > _OVERDUE or (age > _VERIFY_EVERY and now.hour in _NIGHT_HOURS)
