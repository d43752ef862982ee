"""A connection to RabbitMQ that is opened when first used, and opened anew after a loss.

The client library's own recovery is not used: there a publish waits for the broker without limit, and a channel may
stay unrestored; here every operation has its time and a loss is an error that the caller sees.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from yarl import URL

from shared.messaging.failures import is_cancelled
from shared.messaging.transport import TransportUnavailableError

OPERATION_TIMEOUT_SECONDS = 5.0
CLOSE_TIMEOUT_SECONDS = 1.0
HEARTBEAT_SECONDS = 15


@contextmanager
def translated() -> Iterator[None]:
    """The library ends operations of a closed connection as if their task had been cancelled; tell the two apart."""
    try:
        yield
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise TransportUnavailableError("RabbitMQ: the connection was closed") from error
    except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
        raise TransportUnavailableError(f"RabbitMQ: {type(error).__name__}: {error}") from error


@asynccontextmanager
async def limited() -> AsyncIterator[None]:
    """`translated`, and no longer than an operation may take."""
    with translated():
        async with asyncio.timeout(OPERATION_TIMEOUT_SECONDS):
            yield


class RabbitConnection:
    def __init__(self, url: str, name: str) -> None:
        # Every failed try is reported by those who wanted the channel.
        logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
        given = URL(url)
        self._url = given.with_query({"heartbeat": HEARTBEAT_SECONDS, "name": name, **given.query})
        self._connection: AbstractConnection | None = None
        self._opening = asyncio.Lock()

    async def channel(self, *, confirms: bool = False) -> AbstractChannel:
        """A new channel.

        Raises:
            TransportUnavailableError: the broker does not answer in time.
        """
        async with self._opening:
            # Not `is_closed`: that one only tells whether `close` was called.
            if self._connection is not None and not self._connection.connected.is_set():
                await self.close()
            async with limited():
                if self._connection is None:
                    self._connection = await aio_pika.connect(self._url, timeout=OPERATION_TIMEOUT_SECONDS)
                return await self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)

    async def close(self) -> None:
        """Let go of the connection, even of a broker that does not answer."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await quietly_closed(connection)


async def quietly_closed(closable: AbstractConnection | AbstractChannel) -> None:
    try:
        with translated():
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await closable.close()
    except TransportUnavailableError:
        # It is broken already: that is why it is closed.
        return
