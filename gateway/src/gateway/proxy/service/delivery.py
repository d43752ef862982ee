"""Answers an admitted request: from what is kept for its caller when it may, else from the service."""

from gateway.access.domain import READING
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.response_cache import ResponseCache
from gateway.proxy.adapters.store import StoreAwayError
from gateway.proxy.domain.invalidation import tags_of_write
from gateway.proxy.service.calls import Answer, Call, RequestBody
from gateway.proxy.service.forwarding import Exchange, Forwarder, held
from gateway.proxy.service.freshening import Freshener
from gateway.proxy.service.reading import NO_STORE, Reader, Reading, caching_of

_CLOSE = (b"connection", b"close")


class Delivery:
    def __init__(self, forwarder: Forwarder, cache: ResponseCache, cache_max_body: int) -> None:
        self._forwarder = forwarder
        self._cache = cache
        self._freshener = Freshener(forwarder, cache, cache_max_body)
        self._reader = Reader(cache, self._freshener, self._forward)

    async def deliver(self, call: Call, body: RequestBody, answer: Answer) -> None:
        """Raises: ServiceError; ClientGoneError. Both can come when the answer has begun; it must then be cut."""
        caching = caching_of(call)
        if caching is None:
            await self._forward(call, body, answer)
        else:
            await Reading(self._reader, call, body, answer, caching).run()

    async def _forward(self, call: Call, body: RequestBody, answer: Answer, cache_status: bytes = b"") -> None:
        async with held(self._exchange(call, body)) as exchange:
            if cache_status:
                exchange.headers.append((b"cache-status", cache_status))
            await _pass_on(exchange, body, answer)

    async def _exchange(self, call: Call, body: RequestBody) -> Exchange:
        """A write that may have been done makes what is kept untrue before its caller hears of it."""
        if call.method in READING:
            return await self._forwarder.exchange(call, body)
        try:
            exchange = await self._forwarder.exchange(call, body)
        except BaseException:
            await self._forget(call)
            raise
        if not 400 <= exchange.status < 500:
            await self._forget(call)
        return exchange

    async def _forget(self, call: Call) -> None:
        metrics.CACHE_CHANGES.labels("write").inc()
        try:
            await self._cache.renew(tags_of_write(call.route.upstream, call.permission.tags))
        except StoreAwayError:
            metrics.count_cache(call.route.upstream, "away")

    async def close(self) -> None:
        await self._freshener.close()


async def _pass_on(exchange: Exchange, body: RequestBody, answer: Answer) -> None:
    headers = exchange.headers
    if not any(name == b"cache-control" for name, _ in headers):
        headers.append(NO_STORE)
    if not body.complete:
        headers.append(_CLOSE)
    if exchange.arrived:
        data = exchange.take()
        status = exchange.status
        exchange.close()
        await answer.whole(status, headers, data)
        return
    await answer.start(exchange.status, headers)
    await exchange.relay(answer)
