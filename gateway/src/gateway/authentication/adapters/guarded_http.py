"""HTTP to a server trusted for one purpose only: over TLS, in small answers, and to the very address asked."""

from collections.abc import AsyncIterator

import httpx

_MAX_BYTES = 256 * 1024


class UnsafeAnswerError(Exception):
    """The request or its answer is not what this purpose needs."""


class GuardedTransport(httpx.AsyncBaseTransport):
    def __init__(self, *, require_https: bool) -> None:
        self._require_https = require_https
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises: UnsafeAnswerError."""
        if request.url.scheme != "https" and (self._require_https or request.url.scheme != "http"):
            raise UnsafeAnswerError(f"{request.url.host} must be called by https")
        request.headers["Accept-Encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise UnsafeAnswerError("the answer is compressed although that was not asked for")
        return httpx.Response(response.status_code, headers=response.headers, stream=_Bounded(response))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx.AsyncByteStream):
    """Fails as soon as more comes than an answer may have."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._response.aiter_raw():
            size += len(piece)
            if size > _MAX_BYTES:
                raise UnsafeAnswerError(f"the answer is larger than {_MAX_BYTES} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._response.aclose()
