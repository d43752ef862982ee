"""Work beside the requests."""

import asyncio
import time
from collections.abc import Callable

from gateway.authentication import repository
from gateway.authentication.adapters.keys import KeyFile, SigningKeyError
from gateway.resources import Resources
from shared.database.schedule import run_periodically
from shared.observability.logging import get_logger

_HOUR = 3600.0
_SETTLE_CHECKS = 3  # with the default of 5 s more than the 10 s in which services fetch unknown keys at most once
_log = get_logger(__name__)


async def purge_sessions(resources: Resources) -> None:
    """For ever, on one replica at a time: removes what ended a week ago."""

    async def purge() -> None:
        async with resources.database.unit_of_work() as work:
            await repository.purge(work.session)
            await work.commit()

    await run_periodically(resources.database, "purge-sessions", _HOUR, purge)


async def watch_signing_keys(resources: Resources, changed: Callable[[], None]) -> None:
    """For ever, in every process: takes over what the key file says; a file that cannot be used changes nothing."""
    settings = resources.settings
    if settings.signing_key_file is None:
        return
    interval = settings.signing_key_check_seconds
    file = KeyFile(settings.signing_key_file, resources.signing_keys, _SETTLE_CHECKS * interval)
    complaint = None
    while True:
        await asyncio.sleep(interval)
        try:
            if await asyncio.to_thread(file.read, time.monotonic()):
                changed()
                _log.info("signing_keys_changed", keys=len(resources.signing_keys.current))
            complaint = None
        except SigningKeyError as error:
            if str(error) != complaint:
                _log.error("signing_keys_refused", error=str(error), kept=len(resources.signing_keys.current))
            complaint = str(error)
