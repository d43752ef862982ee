"""Opens a connection and closes it again."""

import asyncio
import time

from monitoring_service.health.domain.state import Outcome
from monitoring_service.health.domain.targets import Target


class TcpProbe:
    async def ask(self, target: Target) -> Outcome:
        """Raises OSError when nobody accepts."""
        host, _, port = target.address.rpartition(":")
        began = time.perf_counter()
        _reader, writer = await asyncio.open_connection(host, int(port))
        seconds = time.perf_counter() - began
        writer.close()
        await writer.wait_closed()
        return Outcome(target=target, ok=True, latency_seconds=seconds)
