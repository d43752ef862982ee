"""Keeps the figures of every replica current."""

import asyncio

from monitoring_service.activity.service import ActivityService
from shared.database.unit_of_work import Database
from shared.errors import UnavailableError
from shared.observability.logging import get_logger

_INTERVAL_SECONDS = 15
_log = get_logger(__name__)


async def show_activity_for_ever(database: Database) -> None:
    activity = ActivityService(database)
    while True:
        try:
            await activity.show_in_metrics()
        except UnavailableError as error:
            _log.warning("activity_not_shown", reason=error.detail)
        await asyncio.sleep(_INTERVAL_SECONDS)
