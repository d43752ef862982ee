"""The scheduled work of probing."""

import asyncio
import time
from collections.abc import Awaitable

from monitoring_service.health.service import Watch
from shared.database.schedule import run_periodically
from shared.database.unit_of_work import Database
from shared.observability.logging import get_logger

_PRUNE_INTERVAL_SECONDS = 3600
_log = get_logger(__name__)


async def probe_for_ever(watch: Watch, interval_seconds: float) -> None:
    """Turns begin at fixed distances; one that takes longer than the interval delays the next, and is not doubled."""
    while True:
        began = time.monotonic()
        try:
            await watch.take_turn()
        except Exception:  # noqa: BLE001 -- whatever failed is logged, and the next round must come
            _log.exception("probe_round_failed")
        await asyncio.sleep(max(0.0, interval_seconds - (time.monotonic() - began)))


def forget_old_results_for_ever(database: Database, watch: Watch) -> Awaitable[None]:
    return run_periodically(database, "forget-probe-results", _PRUNE_INTERVAL_SECONDS, watch.forget_old_results)
