"""Kept connections to one service, however many instances it has, and the clock that ends slow exchanges."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.connection import UpstreamConnection
from gateway.proxy.adapters.instance import Address, Instance
from gateway.proxy.adapters.tunnel import TunnelEnd
from gateway.proxy.errors import ClientGoneError, UpstreamAwayError, UpstreamBusyError, UpstreamSlowError
from shared.clients.retry import Breaker, RetryBudget

SWEEP_SECONDS = 0.1
_KEEP_IDLE_SECONDS = 15.0  # below the services' own keep-alive time, so that they rarely close first
_SLOW_SECONDS = 0.1
_OVERLOADED = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Timeouts:
    """In seconds; `idle` is the longest pause inside a request or an answer."""

    connect: float
    first_byte: float
    idle: float


class UpstreamPool:
    """Each request goes to the instance with the fewest in hand, there over the connection used last.

    An instance that keeps failing is left out for a while, unless all of them do: then the breaker decides.
    """

    def __init__(self, name: str, addresses: Sequence[Address], timeouts: Timeouts, max_connections: int) -> None:
        self.name = name
        self.instances = [Instance(address) for address in addresses]
        self.breaker = Breaker()
        self.budget = RetryBudget()
        self.timeouts = timeouts
        self._max_connections = max_connections
        self._queue: deque[asyncio.Future[None]] = deque()
        self._turns = 0
        self._active_gauge = metrics.UPSTREAM_CONNECTIONS.labels(name, "active")
        self._idle_gauge = metrics.UPSTREAM_CONNECTIONS.labels(name, "idle")
        self._ejected_gauge = metrics.UPSTREAM_EJECTED.labels(name)
        self._breaker_gauge = metrics.BREAKER_OPEN.labels(name)

    def succeeded(self) -> None:
        """An exchange got its answer, whatever it says."""
        self.breaker.succeeded()
        self.budget.earn()

    def take(self) -> UpstreamConnection | None:
        """A kept connection to the instance that should serve next, when there is one and the breaker allows it."""
        if self.breaker.is_open:
            return None
        instances = self.instances
        instance = instances[0] if len(instances) == 1 else self._choose(())
        connection = instance.take_idle()
        if connection is not None:
            self._chosen(instance).active.add(connection)
        return connection

    async def acquire(self, *, fresh: bool = False) -> UpstreamConnection:
        """A kept connection, or a new one when there is none or it must be `fresh`.

        An instance that cannot be reached costs a try at the next one, within the budget of retries.

        Raises: UpstreamBusyError, UpstreamAwayError.
        """
        tried: list[Instance] = []
        while True:
            instance = self._chosen(self._choose(tried))
            try:
                return await self._connection_to(instance, fresh=fresh)
            except UpstreamAwayError:
                tried.append(instance)
                if len(tried) == len(self.instances) or not self.budget.spend():
                    raise
                metrics.UPSTREAM_RETRIES.labels(self.name).inc()

    def _choose(self, tried: Sequence[Instance]) -> Instance:
        if len(self.instances) == 1:
            return self.instances[0]
        now = asyncio.get_running_loop().time()
        left = [instance for instance in self.instances if instance not in tried]
        healthy = [instance for instance in left if instance.ejected_until <= now]
        # The one that waited longest wins a tie, so that idle instances take turns.
        return min(healthy or left, key=lambda instance: (instance.in_hand, instance.turn))

    def _chosen(self, instance: Instance) -> Instance:
        self._turns += 1
        instance.turn = self._turns
        return instance

    async def _connection_to(self, instance: Instance, *, fresh: bool) -> UpstreamConnection:
        connection = None if fresh else instance.take_idle()
        if connection is None and instance.in_hand >= self._max_connections:
            await self._wait_for_place()
            connection = instance.take_idle()
        if connection is None:
            instance.opening += 1
            try:
                connection = await self._connect(instance)
            finally:
                instance.opening -= 1
        instance.active.add(connection)
        return connection

    async def open_tunnel(self) -> TunnelEnd:
        """A connection of its own, counted by nobody. Raises: UpstreamAwayError."""
        instance = self._chosen(self._choose(()))
        address = instance.address
        try:
            async with asyncio.timeout(self.timeouts.connect):
                _, end = await asyncio.get_running_loop().create_connection(
                    lambda: TunnelEnd(self.name, instance.authority),
                    address.host,
                    address.port,
                    ssl=True if address.tls else None,
                )
        except (OSError, TimeoutError) as error:
            instance.failed(asyncio.get_running_loop().time())
            raise self._away() from error
        return end

    def _away(self) -> UpstreamAwayError:
        return UpstreamAwayError(
            f"{self.name} cannot be reached; other routes are not affected. Try again in a few seconds.",
            headers={"Retry-After": str(self.breaker.seconds_to_probe)},
        )

    async def _connect(self, instance: Instance) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        address = instance.address
        try:
            async with asyncio.timeout(self.timeouts.connect):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self.name, instance.authority, self._lost),
                    address.host,
                    address.port,
                    ssl=True if address.tls else None,
                )
        except (OSError, TimeoutError) as error:
            instance.failed(loop.time())
            raise self._away() from error
        return connection

    async def _wait_for_place(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(self.timeouts.connect):
                await place
        except TimeoutError as error:
            if place.done() and not place.cancelled():
                return  # it came at the last moment
            raise UpstreamBusyError(
                f"{self.name} has as many requests in hand as it takes; try again in a few seconds.",
                headers={"Retry-After": "2"},
            ) from error
        finally:
            if place in self._queue:
                self._queue.remove(place)

    def give_back(self, connection: UpstreamConnection) -> None:
        """After every exchange, however it ended."""
        instance = self.instances[0] if len(self.instances) == 1 else self._instance_of(connection)
        instance.active.discard(connection)
        if connection.status in _OVERLOADED or connection.is_upstreams_fault:
            instance.failed(asyncio.get_running_loop().time())
        elif connection.complete:
            instance.succeeded()
        if connection.reusable:
            connection.release()
            instance.idle.append(connection)
        else:
            connection.on_progress = connection.on_failed = None
            connection.busy = False
            connection.close()
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                break

    def _instance_of(self, connection: UpstreamConnection) -> Instance:
        return next(one for one in self.instances if one.authority == connection.authority)

    def _lost(self, connection: UpstreamConnection) -> None:
        if not connection.busy:
            self._instance_of(connection).forget(connection)

    def sweep(self, now: float) -> None:
        """Ends what takes too long, closes what nobody used lately. Called every tenth of a second."""
        active = idle = 0
        for instance in self.instances:
            for connection in tuple(instance.active):
                self._judge(connection, now)
            while instance.idle and now - instance.idle[0].idle_since > _KEEP_IDLE_SECONDS:
                instance.idle.popleft().close()
            active += len(instance.active)
            idle += len(instance.idle)
        self._active_gauge.set(active)
        self._idle_gauge.set(idle)
        self._ejected_gauge.set(sum(one.ejected_until > now for one in self.instances))
        self._breaker_gauge.set(self.breaker.is_open)

    def _judge(self, connection: UpstreamConnection, now: float) -> None:
        if not connection.busy or connection.drained:
            return
        if connection.on_slow is not None and now - connection.began > _SLOW_SECONDS:
            on_slow, connection.on_slow = connection.on_slow, None
            on_slow()
        error = self._overdue(connection, now)
        if error is not None:
            # A caller who does not take what is here is no fault of the service.
            connection.fail(ClientGoneError() if connection.awaits_caller else error)

    def _overdue(self, connection: UpstreamConnection, now: float) -> UpstreamSlowError | None:
        silent = now - connection.last_activity
        if now - connection.began > connection.total_seconds:
            return UpstreamSlowError(f"{self.name} did not finish in {connection.total_seconds:g} s.")
        if connection.sent_at is None:
            if silent > self.timeouts.idle and not connection.waits_for_client:
                return UpstreamSlowError(f"{self.name} did not take the body for {self.timeouts.idle:g} s.")
        elif not connection.head_complete:
            if now - connection.sent_at > self.timeouts.first_byte:
                return UpstreamSlowError(f"{self.name} did not begin its answer in {self.timeouts.first_byte:g} s.")
        elif silent > self.timeouts.idle:
            return UpstreamSlowError(f"The transfer from {self.name} stood still for {self.timeouts.idle:g} s.")
        return None

    def end_event_streams(self) -> None:
        for instance in self.instances:
            for connection in tuple(instance.active):
                connection.end_event_stream()

    def close(self) -> None:
        for instance in self.instances:
            for connection in (*instance.idle, *instance.active):
                connection.close()
            instance.idle.clear()
