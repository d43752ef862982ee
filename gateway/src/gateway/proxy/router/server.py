"""How the gateway is served, and how it stops: the options are part of its defences."""

import asyncio
import socket
import time
from typing import Any

import uvicorn

from gateway.proxy.router.caller import CallerConnection
from gateway.proxy.router.door import Door
from shared.observability.logging import get_logger

_TICK_SECONDS = 0.1
_QUIET_SECONDS = 1.0
_log = get_logger(__name__)

# The server must not interpret X-Forwarded-For: it would believe any caller on the same machine.
SERVER_OPTIONS: dict[str, Any] = {
    "loop": "uvloop",
    "http": CallerConnection,
    "ws": "none",
    "access_log": False,
    "log_config": None,
    "server_header": False,
    "proxy_headers": False,
    "timeout_keep_alive": 75,
}


class DrainingServer(uvicorn.Server):
    """Told to stop, it goes on serving for a while, with the word that each answer is the connection's last.

    So a proxy in front finds another gateway before this one closes a connection it has just written to.
    """

    def __init__(self, config: uvicorn.Config, door: Door, drain_seconds: float) -> None:
        super().__init__(config)
        self._door = door
        self._drain_seconds = drain_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._door.begin_drain()
        _log.info("draining", seconds=self._drain_seconds, connections=len(self.server_state.connections))
        until = time.monotonic() + self._drain_seconds
        quiet_since = time.monotonic()
        while time.monotonic() < until and not self.force_exit:
            await asyncio.sleep(_TICK_SECONDS)
            if self.server_state.connections:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > _QUIET_SECONDS:
                break
        await super().shutdown(sockets)
