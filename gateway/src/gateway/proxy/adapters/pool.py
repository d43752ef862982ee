"""Kept connections to one service, and the clock that ends exchanges which take too long."""

import asyncio
from collections import deque
from dataclasses import dataclass

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.connection import UpstreamConnection
from gateway.proxy.errors import UpstreamAwayError, UpstreamBusyError, UpstreamSlowError
from shared.clients.retry import Breaker

SWEEP_SECONDS = 0.1
_KEEP_IDLE_SECONDS = 15.0  # below the services' own keep-alive time, so that they rarely close first
_SLOW_SECONDS = 0.1


@dataclass(frozen=True)
class Timeouts:
    """In seconds; `idle` is the longest pause inside a request or an answer."""

    connect: float
    first_byte: float
    idle: float


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    tls: bool

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class UpstreamPool:
    """The most recently used connection is used again first; the rest grow old and are closed."""

    def __init__(self, name: str, address: Address, timeouts: Timeouts, max_connections: int) -> None:
        self.name = name
        self.address = address
        self.authority = address.authority.encode("ascii")
        self.breaker = Breaker()
        self._timeouts = timeouts
        self._max_connections = max_connections
        self._idle: deque[UpstreamConnection] = deque()
        self._active: set[UpstreamConnection] = set()
        self._opening = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, fresh: bool = False) -> UpstreamConnection:
        """A kept connection, or a new one when there is none or it must be `fresh`.

        Raises: UpstreamBusyError, UpstreamAwayError.
        """
        connection = None if fresh else self._take_idle()
        if connection is None and len(self._active) + self._opening >= self._max_connections:
            await self._wait_for_place()
            connection = self._take_idle()
        if connection is None:
            self._opening += 1
            try:
                connection = await self._connect()
            finally:
                self._opening -= 1
        self._active.add(connection)
        return connection

    def _take_idle(self) -> UpstreamConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return None

    async def _connect(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        address = self.address
        try:
            async with asyncio.timeout(self._timeouts.connect):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self.name, self._lost),
                    address.host,
                    address.port,
                    ssl=True if address.tls else None,
                )
        except (OSError, TimeoutError) as error:
            raise UpstreamAwayError(
                f"{self.name} cannot be reached; other routes are not affected. Try again in a few seconds.",
                headers={"Retry-After": str(self.breaker.seconds_to_probe)},
            ) from error
        return connection

    async def _wait_for_place(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(self._timeouts.connect):
                await place
        except TimeoutError as error:
            raise UpstreamBusyError(
                f"{self.name} has as many requests in hand as it takes; try again in a few seconds.",
                headers={"Retry-After": "2"},
            ) from error
        finally:
            if place in self._queue:
                self._queue.remove(place)

    def give_back(self, connection: UpstreamConnection) -> None:
        """After every exchange, however it ended."""
        self._active.discard(connection)
        if connection.reusable:
            connection.release()
            self._idle.append(connection)
        else:
            connection.busy = False
            connection.close()
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                break

    def _lost(self, connection: UpstreamConnection) -> None:
        if not connection.busy and connection in self._idle:
            self._idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Ends what takes too long, closes what nobody used lately. Called every tenth of a second."""
        for connection in tuple(self._active):
            self._judge(connection, now)
        while self._idle and now - self._idle[0].idle_since > _KEEP_IDLE_SECONDS:
            self._idle.popleft().close()
        metrics.UPSTREAM_CONNECTIONS.labels(self.name, "active").set(len(self._active))
        metrics.UPSTREAM_CONNECTIONS.labels(self.name, "idle").set(len(self._idle))
        metrics.BREAKER_OPEN.labels(self.name).set(self.breaker.is_open)

    def _judge(self, connection: UpstreamConnection, now: float) -> None:
        if not connection.busy or connection.drained:
            return
        if connection.on_slow is not None and now - connection.began > _SLOW_SECONDS:
            on_slow, connection.on_slow = connection.on_slow, None
            on_slow()
        silent = now - connection.last_activity
        if now - connection.began > connection.total_seconds:
            connection.fail(UpstreamSlowError(f"{self.name} did not finish in {connection.total_seconds:g} s."))
        elif connection.sent_at is None:
            if silent > self._timeouts.idle and not connection.waits_for_client:
                connection.fail(UpstreamSlowError(f"{self.name} did not take the body for {self._timeouts.idle:g} s."))
        elif not connection.head_complete:
            if now - connection.sent_at > self._timeouts.first_byte:
                connection.fail(
                    UpstreamSlowError(f"{self.name} did not begin its answer in {self._timeouts.first_byte:g} s.")
                )
        elif silent > self._timeouts.idle:
            connection.fail(
                UpstreamSlowError(f"The transfer from {self.name} stood still for {self._timeouts.idle:g} s.")
            )

    def close(self) -> None:
        for connection in (*self._idle, *self._active):
            connection.close()
        self._idle.clear()
