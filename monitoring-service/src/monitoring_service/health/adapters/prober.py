"""Asks all targets at once."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

import httpx

from monitoring_service.health.adapters.http_probe import HttpProbe
from monitoring_service.health.adapters.tcp_probe import TcpProbe
from monitoring_service.health.domain.state import Outcome, Round
from monitoring_service.health.domain.targets import Kind, Target, configured_target, server_target
from monitoring_service.settings import Settings
from shared.observability.logging import mask


def targets_of(settings: Settings) -> list[Target]:
    """The configured ones, and the servers this service is connected to itself."""
    servers = {"postgres": settings.database_url, "redis": settings.redis_url, "broker": settings.broker_url}
    found = {name: server_target(name, url) for name, url in servers.items() if url}
    if "broker" in found and found["broker"].address == found["postgres"].address:
        del found["broker"]  # the embedded transport lives in PostgreSQL
    found.update({name: configured_target(name, url) for name, url in settings.targets.items()})
    return list(found.values())


class Prober:
    @classmethod
    def of(cls, settings: Settings, client: httpx.AsyncClient) -> Self:
        return cls(
            targets_of(settings),
            client,
            timeout_seconds=settings.probe_timeout_seconds,
            concurrency=settings.probe_concurrency,
        )

    def __init__(
        self, targets: Sequence[Target], client: httpx.AsyncClient, *, timeout_seconds: float, concurrency: int
    ) -> None:
        self.targets = tuple(targets)
        self._timeout_seconds = timeout_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._probes: Mapping[Kind, HttpProbe | TcpProbe] = {Kind.HTTP: HttpProbe(client), Kind.TCP: TcpProbe()}

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


def _reason(error: Exception) -> str:
    text = mask(str(error)) or type(error).__name__
    return text.replace("\x00", "")[:300]
