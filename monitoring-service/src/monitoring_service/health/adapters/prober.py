"""Asks all targets at once."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from monitoring_service.health.adapters.http_probe import HttpProbe
from monitoring_service.health.adapters.tcp_probe import TcpProbe
from monitoring_service.health.domain.state import Outcome, Round
from monitoring_service.health.domain.targets import Kind, Target
from shared.observability.logging import mask


class Prober:
    def __init__(self, targets: Sequence[Target], *, timeout_seconds: float, concurrency: int) -> None:
        self.targets = tuple(targets)
        self._timeout_seconds = timeout_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._http = HttpProbe(timeout_seconds)
        self._probes = {Kind.HTTP: self._http, Kind.TCP: TcpProbe()}

    async def probe_all(self) -> Round:
        at = datetime.now(UTC)
        return Round(at, tuple(await asyncio.gather(*map(self._probe, self.targets))))

    async def _probe(self, target: Target) -> Outcome:
        async with self._slots:
            began = time.perf_counter()
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._probes[target.kind].ask(target)
            except (TimeoutError, httpx.TimeoutException):
                reason = f"no answer within {self._timeout_seconds:g} s"
            except (OSError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                reason = _reason(error)
            return Outcome(target=target, ok=False, latency_seconds=time.perf_counter() - began, error=reason)

    async def close(self) -> None:
        await self._http.close()


def _reason(error: Exception) -> str:
    text = mask(str(error)) or type(error).__name__
    return text.replace("\x00", "")[:300]
