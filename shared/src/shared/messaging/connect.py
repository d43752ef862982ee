"""Choosing the transport by the scheme of the broker's URL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from shared.messaging.postgres import PostgresTransport
from shared.messaging.rabbitmq import RabbitTransport
from shared.messaging.transport import Transport


@asynccontextmanager
async def open_transport(url: str, client_name: str) -> AsyncIterator[Transport]:
    """`amqp://` and `amqps://` lead to RabbitMQ, `postgresql://` to the embedded transport.

    Connects when first used, so it succeeds while the broker is away. `client_name` is shown by the broker's tools.
    """
    transport = await _open(url, client_name)
    try:
        yield transport
    finally:
        await transport.close()


async def _open(url: str, client_name: str) -> Transport:
    scheme = urlsplit(url).scheme
    if scheme in {"amqp", "amqps"}:
        return await RabbitTransport.open(url, client_name)
    if scheme in {"postgresql", "postgres"}:
        return await PostgresTransport.open(url, client_name)
    raise ValueError(f"broker URL has scheme {scheme!r}; use amqp://, amqps:// or postgresql://")
