"""A request on its way through, and the ends of it: the caller's body coming in, the answer going out."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access.domain import Permission, Route
from gateway.authentication.domain import Principal
from gateway.proxy.domain.gcra import Verdict
from gateway.proxy.domain.headers import RequestHeaders
from gateway.proxy.errors import BodyTooLargeError, ClientGoneError, RequestTimeoutError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Call:
    """Everything known about one request. `body_length` None: chunked. `path` is canonical."""

    method: str
    path: bytes
    query: bytes
    scheme: str
    headers: RequestHeaders
    address: str
    body_length: int | None
    body_limit: int
    route: Route
    permission: Permission
    principal: Principal | None = None
    verdict: Verdict | None = None
    cache: str = ""
    extra: HeaderList = field(default_factory=list)


class RequestBody:
    """The caller's body, read only when somebody takes it."""

    def __init__(self, receive: Receive, length: int | None, limit: int, idle_seconds: float) -> None:
        if length is not None and length > limit:
            raise BodyTooLargeError(limit)
        self._receive = receive
        self._idle_seconds = idle_seconds
        self._limit = limit
        self._received = 0
        self.complete = length == 0

    async def read(self) -> bytes:
        """The next piece, which may be empty.

        Raises: RequestTimeoutError; BodyTooLargeError; ClientGoneError: a cut body is never a complete one.
        """
        try:
            async with asyncio.timeout(self._idle_seconds):
                message = await self._receive()
        except TimeoutError as error:
            raise RequestTimeoutError(
                f"Nothing of the body came for {self._idle_seconds:g} s.", headers={"Connection": "close"}
            ) from error
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece: bytes = message.get("body", b"")
        self._received += len(piece)
        if self._received > self._limit:
            raise BodyTooLargeError(self._limit)
        self.complete = not message.get("more_body", False)
        return piece

    async def read_all(self) -> bytes:
        pieces = []
        while not self.complete:
            pieces.append(await self.read())
        return b"".join(pieces)

    async def wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Answer:
    """The way back to the caller; adds the gateway's own headers and knows what was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.bytes = 0
        self.begun = False
        self.own_headers: HeaderList = []

    async def start(self, status: int, headers: HeaderList) -> None:
        self.status = status
        self.begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *self.own_headers]})

    async def body(self, data: bytes, *, more: bool) -> None:
        self.bytes += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, status: int, headers: HeaderList, data: bytes) -> None:
        await self.start(status, headers)
        await self.body(data, more=False)
