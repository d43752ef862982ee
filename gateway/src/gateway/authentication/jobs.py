"""Work beside the requests."""

from gateway.authentication import repository
from gateway.resources import Resources
from shared.database.schedule import run_periodically

_HOUR = 3600.0


async def purge_sessions(resources: Resources) -> None:
    """For ever, on one replica at a time: removes what ended a week ago."""

    async def purge() -> None:
        async with resources.database.unit_of_work() as work:
            await repository.purge(work.session)
            await work.commit()

    await run_periodically(resources.database, "purge-sessions", _HOUR, purge)
