"""Answers an admitted request: from the caller's cache when it may, else from the service."""

import asyncio
import time

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.response_cache import ResponseCache, age_of
from gateway.proxy.domain import caching
from gateway.proxy.domain.caching import StoredResponse
from gateway.proxy.service.calls import Answer, Call, HeaderList, RequestBody
from gateway.proxy.service.forwarding import Exchange, Forwarder, cancelled_by

_PRIVATE = (b"cache-control", b"private, no-cache")
_NO_STORE = (b"cache-control", b"no-store")
_CLOSE = (b"connection", b"close")


class Delivery:
    def __init__(self, forwarder: Forwarder, cache: ResponseCache, cache_max_body: int) -> None:
        self._forwarder = forwarder
        self._cache = cache
        self._cache_max_body = cache_max_body

    async def deliver(self, call: Call, body: RequestBody, answer: Answer) -> None:
        """Raises: ServiceError; ClientGoneError. Both can come when the answer has begun; it must then be cut."""
        generation = None
        if call.permission.cache_seconds and call.principal is not None:
            generation, stored = await self._find(call)
            if stored is not None:
                await self._answer_stored(call, stored, answer, hit=True)
                return
        exchange: Exchange | None = None
        try:
            exchange = await self._forwarder.exchange(call, body)
            if call.method not in {"GET", "HEAD"} and exchange.status < 400:
                await self._cache.forget(call.route.upstream)
            if generation is None:
                await self._pass_on(exchange, body, answer)
            else:
                await self._keep_and_answer(call, exchange, answer, generation)
        except asyncio.CancelledError:
            error = cancelled_by(exchange)
            if error is None:
                raise
            raise error from None
        finally:
            if exchange is not None:
                exchange.close()

    async def _find(self, call: Call) -> tuple[str | None, StoredResponse | None]:
        headers = call.headers
        asked = caching.directives(headers.cache_control)
        if headers.range is not None or b"no-store" in asked:
            metrics.CACHE_REQUESTS.labels("bypass").inc()
            return None, None
        target = call.path + b"?" + call.query
        varying = (headers.accept, headers.accept_language, headers.accept_encoding)
        identity = call.principal.key if call.principal is not None else ""
        call.cache = caching.cache_key(identity, target, varying)
        generation, stored = await self._cache.find(call.route.upstream, call.cache)
        if b"no-cache" in asked or b"max-age" in asked:
            stored = None
        return generation, stored

    async def _pass_on(self, exchange: Exchange, body: RequestBody, answer: Answer) -> None:
        headers = exchange.headers
        if not any(name == b"cache-control" for name, _ in headers):
            headers.append(_NO_STORE)
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

    async def _keep_and_answer(self, call: Call, exchange: Exchange, answer: Answer, generation: str) -> None:
        """Reads as much of the answer as may be kept; a larger one goes on to the caller as it comes."""
        pieces, size = [exchange.take()], 0
        while not exchange.drained and size <= self._cache_max_body:
            pieces.append(await exchange.more())
            size += len(pieces[-1])
        data = b"".join(pieces)
        headers, status = exchange.headers, exchange.status
        if not exchange.drained:
            await answer.start(status, [*headers, _NO_STORE])
            await exchange.relay(answer, already=data)
            return
        exchange.close()
        seconds = caching.seconds_to_keep(
            status, exchange.received, call.permission.cache_seconds, len(data), self._cache_max_body
        )
        if not seconds:
            await answer.whole(status, headers, data)
            return
        stored = StoredResponse(caching.kept_headers(headers), data, caching.etag_of(headers, data), time.time())
        await self._answer_stored(call, stored, answer, hit=False)
        await self._cache.keep(call.route.upstream, call.cache, generation, stored, seconds)

    async def _answer_stored(self, call: Call, stored: StoredResponse, answer: Answer, *, hit: bool) -> None:
        headers: HeaderList = [header for header in stored.headers if header[0] != b"etag"]
        headers += [
            (b"etag", stored.etag),
            _PRIVATE,
            (b"cache-status", b"gateway; hit" if hit else b"gateway; fwd=miss; stored"),
        ]
        if hit:
            headers.append((b"age", b"%d" % age_of(stored)))
        if caching.is_unchanged(call.headers.if_none_match, stored.etag):
            dropped = {b"content-type", b"content-encoding", b"content-language", b"content-disposition"}
            await answer.whole(304, [header for header in headers if header[0] not in dropped], b"")
            return
        headers.append((b"content-length", b"%d" % len(stored.body)))
        await answer.whole(200, headers, stored.body)
