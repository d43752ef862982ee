"""Passes a request on to its service and the answer back, without holding either of them in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager

from gateway.access.domain import Permission, Route
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.connection import UpstreamConnection
from gateway.proxy.adapters.pool import SWEEP_SECONDS, UpstreamPool
from gateway.proxy.domain.responses import passed_headers
from gateway.proxy.errors import (
    ClientGoneError,
    UpstreamAwayError,
    UpstreamBrokenError,
    UpstreamBusyError,
    UpstreamSlowError,
)
from gateway.proxy.service.calls import Answer, Call, HeaderList, RequestBody
from shared.errors import ServiceError

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_ONCE = b"idempotency-key"
_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since", b"if-range"})
_REASONS: Mapping[type[BaseException], str] = {
    UpstreamAwayError: "away",
    UpstreamBusyError: "busy",
    UpstreamSlowError: "slow",
    UpstreamBrokenError: "broken",
}


class Forwarder:
    """`total_seconds` and `long_total_seconds`: how long an exchange may take on ordinary and on `long` routes."""

    def __init__(self, pools: Mapping[str, UpstreamPool], total_seconds: float, long_total_seconds: float) -> None:
        self._pools = pools
        self._total_seconds = total_seconds
        self._long_total_seconds = long_total_seconds

    async def exchange(self, call: Call, body: RequestBody) -> "Exchange":
        """The service's answer, its status and headers already there. The caller of this must close it.

        Raises: ServiceError when there is no answer; ClientGoneError when nobody waits for it any more.
        """
        pool = self._pools[call.route.upstream]
        if not pool.breaker.allows():
            raise UpstreamAwayError(
                f"{pool.name} failed repeatedly and is given a rest; other routes are not affected.",
                headers={"Retry-After": str(pool.breaker.seconds_to_probe)},
            )
        pool, total = self.way_of(call.route, call.permission)
        total = min(total, call.headers.timeout_seconds)
        pool.budget.earn()
        exchange = Exchange(pool, call, body)
        try:
            await exchange.begin(total)
        except BaseException as error:
            exchange.close()
            self.judge(pool, error)
            raise
        pool.breaker.succeeded()
        return exchange

    def way_of(self, route: Route, permission: Permission) -> tuple[UpstreamPool, float]:
        """Who serves the route, and how many seconds an exchange may take."""
        seconds = self._long_total_seconds if permission.long else self._total_seconds
        return self._pools[route.upstream], seconds

    def judge(self, pool: UpstreamPool, error: BaseException) -> None:
        """Counts an exchange that failed; enough of them in a row open the breaker."""
        reason = _REASONS.get(type(error))
        if reason is None:
            return
        metrics.UPSTREAM_FAILURES.labels(pool.name, reason).inc()
        if reason != "busy":
            pool.breaker.failed()

    async def sweep(self) -> None:
        """For ever: the clock of all exchanges, instead of a timer for each."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for pool in self._pools.values():
                pool.sweep(loop.time())

    def end_event_streams(self) -> None:
        """Where they are, as if the services had ended them."""
        for pool in self._pools.values():
            pool.end_event_streams()

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


class Exchange:
    """One request and its answer on one connection.

    `received` are the headers as the service sent them, `headers` those the caller gets.
    """

    def __init__(self, pool: UpstreamPool, call: Call, body: RequestBody) -> None:
        self._pool = pool
        self._call = call
        self._body = body
        self._connection: UpstreamConnection | None = None
        self._client: asyncio.Task[None] | None = None
        self.status = 0
        self.received: HeaderList = []
        self.headers: HeaderList = []

    async def begin(self, total_seconds: float) -> None:
        first = b"" if self._body.complete else await self._body.read()
        connection = await self._send(first, total_seconds, fresh=False)
        try:
            self.status = await self._answer_of(connection)
        except UpstreamBrokenError:
            if connection.answered or not self._is_repeatable():
                raise
            if not connection.was_stale and not self._pool.budget.spend():
                raise
            self._give_back()
            metrics.UPSTREAM_RETRIES.labels(self._pool.name).inc()
            connection = await self._send(first, total_seconds, fresh=True)
            self.status = await self._answer_of(connection)
        route = self._call.route
        self.received = connection.headers
        self.headers = passed_headers(connection.headers, self.status, (route.becomes.encode(), route.prefix.encode()))

    def _is_repeatable(self) -> bool:
        """Asking again cannot do it twice, and all there is to send is still here."""
        if self._client is not None:
            return False
        return self._call.method in _REPEATABLE or any(name == _ONCE for name, _ in self._call.headers.passed)

    async def _send(self, first: bytes, total_seconds: float, *, fresh: bool) -> UpstreamConnection:
        connection = self._connection = await self._pool.acquire(fresh=fresh)
        head = self._head(connection.authority, total_seconds, whole=len(first) if self._body.complete else None)
        chunked = self._call.body_length is None and not self._body.complete
        data = head + (b"%x\r\n%b\r\n" % (len(first), first) if chunked and first else first)
        connection.start(data, bodiless_answer=self._call.method == "HEAD", total_seconds=total_seconds)
        if self._body.complete:
            connection.sent()
            connection.on_slow = self._watch_client
        else:
            self._client = asyncio.create_task(self._pump(connection, chunked=chunked))
        return connection

    async def _answer_of(self, connection: UpstreamConnection) -> int:
        return connection.status if connection.head_complete else await connection.head()

    def _head(self, authority: bytes, total_seconds: float, whole: int | None) -> bytes:
        """Framed anew from what was parsed. `whole`: size of the body when all of it is already here."""
        call = self._call
        target = call.route.inner_path(call.path)
        if call.query:
            target += b"?" + call.query
        parts = [call.method.encode("ascii"), b" ", target, b" HTTP/1.1\r\nhost: ", authority]
        for name, value in call.headers.passed:
            if not (call.cache and name in _CONDITIONS):
                parts += (b"\r\n", name, b": ", value)
        parts.append(b"\r\nx-request-timeout-ms: %d" % int(total_seconds * 1000))
        for name, value in call.extra:
            parts += (b"\r\n", name, b": ", value)
        if whole is not None:
            if whole or call.method not in {"GET", "HEAD"}:
                parts.append(b"\r\ncontent-length: %d" % whole)
        elif call.body_length is None:
            parts.append(b"\r\ntransfer-encoding: chunked")
        else:
            parts.append(b"\r\ncontent-length: %d" % call.body_length)
        parts.append(b"\r\n\r\n")
        return b"".join(parts)

    async def _pump(self, connection: UpstreamConnection, *, chunked: bool) -> None:
        """The rest of the body, as fast as the service takes it; then waits for the caller to leave."""
        try:
            while not self._body.complete:
                connection.waits_for_client = True
                piece = await self._body.read()
                connection.waits_for_client = False
                if piece:
                    await connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                await connection.write(b"0\r\n\r\n")
            connection.sent()
        except (ClientGoneError, ServiceError) as error:
            if not connection.complete:
                connection.fail(error)
            return
        await self._wait_for_disconnect(connection)

    def _watch_client(self) -> None:
        """Called once an exchange is no longer quick: quick ones need nobody to watch whether the caller leaves."""
        if self._connection is not None and self._client is None:
            self._client = asyncio.create_task(self._wait_for_disconnect(self._connection))

    async def _wait_for_disconnect(self, connection: UpstreamConnection) -> None:
        await self._body.wait_for_disconnect()
        if not connection.drained:
            connection.fail(ClientGoneError())

    @property
    def arrived(self) -> bool:
        """All of the answer is here."""
        return self._connection is not None and self._connection.complete

    @property
    def drained(self) -> bool:
        """All of the answer was taken."""
        return self._connection is None or self._connection.drained

    def take(self) -> bytes:
        return self._connection.take() if self._connection is not None else b""

    async def more(self) -> bytes:
        """Something of the answer's body, empty at its end. Raises: ServiceError, ClientGoneError."""
        if self._connection is None:
            return b""
        try:
            return await self._connection.more()
        except ServiceError as error:
            metrics.UPSTREAM_FAILURES.labels(self._pool.name, _REASONS.get(type(error), "broken")).inc()
            raise

    async def relay(self, answer: Answer, already: bytes = b"") -> None:
        """The body to the caller, no faster than the caller reads. `already`: its beginning, read before."""
        if already:
            await answer.body(already, more=True)
        connection = self._connection
        while connection is not None and not connection.drained:
            piece = await self.more()
            done = connection.drained
            if piece or done:
                await answer.body(piece, more=not done)
            if done:
                return
        await answer.body(b"", more=False)

    def interruption(self) -> Exception | None:
        """Why the task was cancelled, when it was this exchange's clock that did it."""
        return self._connection.error if self._connection is not None else None

    def _give_back(self) -> None:
        if self._connection is not None:
            self._pool.give_back(self._connection)
            self._connection = None

    def close(self) -> None:
        """In every case: the connection goes back to the pool when it is in order, else it is cut."""
        if self._client is not None:
            self._client.cancel()
            self._client = None
        self._give_back()


@asynccontextmanager
async def held(begun: Awaitable[Exchange]) -> AsyncIterator[Exchange]:
    """An exchange that is closed in every case. When the clock cancels a stuck task, the error behind it is raised."""
    exchange: Exchange | None = None
    try:
        exchange = await begun
        yield exchange
    except asyncio.CancelledError:
        error = exchange.interruption() if exchange is not None else None
        task = asyncio.current_task()
        if error is None or task is None:
            raise
        task.uncancel()
        raise error from None
    finally:
        if exchange is not None:
            exchange.close()
