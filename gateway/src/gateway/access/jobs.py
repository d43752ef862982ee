"""Takes a changed table of routes into force while requests run; a broken one leaves the last good one in place."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import Counter, Gauge

from gateway.access.domain import RouteTable
from gateway.access.errors import InvalidRoutesError
from gateway.access.service import RouteTables
from shared.observability.logging import get_logger

VALID = Gauge("gateway_routes_valid", "1 while the file of routes is in force, 0 while it is refused or missing.")
RELOADS = Counter("gateway_routes_reloads_total", "Changed files of routes: applied or refused.", ["outcome"])
LOADED = Gauge("gateway_routes_loaded_timestamp_seconds", "When the table of routes in force was taken.")

_log = get_logger(__name__)
_Stamp = tuple[int, int, int, int]
_NEVER: _Stamp = (0, 0, 0, 0)


class RoutesWatch:
    """Looks at the file every `interval_seconds` and reads it once a change has come to rest, or at once on SIGHUP.

    The name may be a symbolic link that is changed over (a Kubernetes ConfigMap), a file renamed over the old one, a
    file written in place, or gone for a while: what counts is the content, read whole.
    """

    def __init__(self, tables: RouteTables, use: Callable[[RouteTable], None], interval_seconds: float = 1.0) -> None:
        self._tables = tables
        self._use = use
        self._interval_seconds = interval_seconds
        self._asked = asyncio.Event()
        self._last_seen: _Stamp | None = None
        self._last_read: _Stamp | None = _NEVER
        self._refused = ""
        VALID.set(1)
        LOADED.set_to_current_time()

    async def run(self) -> None:
        """Until cancelled."""
        with _on_hangup(self._asked.set):
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), self._interval_seconds)
                await self._look()

    async def _look(self) -> None:
        is_asked = self._asked.is_set()
        self._asked.clear()
        stamp = await asyncio.to_thread(_stamp, self._tables.path)
        is_changed, is_at_rest = stamp != self._last_read, stamp == self._last_seen
        self._last_seen = stamp
        if is_asked or (is_changed and is_at_rest):
            await self._reload()
            self._last_read = stamp

    async def _reload(self) -> None:
        try:
            loaded = await asyncio.to_thread(self._tables.read)
            if loaded is not None:
                self._use(loaded.table)
                self._tables.adopt(loaded)
        except InvalidRoutesError as error:
            self._refuse(str(error))
            return
        except Exception as error:  # noqa: BLE001 -- whatever it is, the gateway goes on with the table it has
            _log.exception("routes_not_usable")
            self._refuse(f"the table is valid and could not be taken into use: {error}")
            return
        self._refused = ""
        VALID.set(1)
        if loaded is not None:
            RELOADS.labels("applied").inc()
            LOADED.set_to_current_time()
            _log.info("routes_applied", sha256=loaded.digest, routes=len(loaded.table.routes))

    def _refuse(self, reason: str) -> None:
        VALID.set(0)
        if reason != self._refused:
            self._refused = reason
            RELOADS.labels("refused").inc()
            _log.error("routes_refused", reason=reason, consequence="the last good table stays in force")


def _stamp(path: Path) -> _Stamp | None:
    """Changes with the file's content, and when a link to it is changed over; None when there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def _on_hangup(action: Callable[[], None]) -> Iterator[None]:
    """Only the main thread may take signals; a server in another one goes by the file alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, action)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
