"""Work that runs at intervals, on one replica at a time."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from sqlalchemy import text

from shared.database.unit_of_work import Database
from shared.observability.logging import get_logger

_log = get_logger(__name__)


async def run_periodically(
    database: Database, name: str, interval_seconds: float, action: Callable[[], Awaitable[None]]
) -> None:
    """Runs for ever. A failing action is logged and tried again at the next turn; replicas skip a turn held elsewhere.

    The advisory lock lives on a connection of its own for as long as the action runs, so a dead replica frees it.
    """
    while True:
        await asyncio.sleep(interval_seconds * random.uniform(0.9, 1.1))  # noqa: S311 -- spreads replicas, no secret
        try:
            await run_once(database, name, action)
        except Exception:  # noqa: BLE001 -- one failed turn must not end the schedule; the log has it
            _log.exception("scheduled_action_failed", action=name)


async def run_once(database: Database, name: str, action: Callable[[], Awaitable[None]]) -> bool:
    """False when another replica holds the turn."""
    key = {"name": f"schedule:{database.owner}:{name}"}
    async with database.engine.connect() as connection:
        if not (await connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:name))"), key)).scalar_one():
            return False
        await connection.commit()
        try:
            await action()
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), key)
            await connection.commit()
    return True
