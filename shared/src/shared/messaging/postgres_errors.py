"""Which failures mean that the database of the embedded transport is away."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from shared.messaging.transport import TransportError, TransportUnavailableError

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # how the driver stumbles over a connection that broke under it
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except AWAY as error:
        raise TransportUnavailableError(f"embedded transport: {type(error).__name__}: {error}") from error
    except asyncpg.UndefinedTableError as error:
        raise TransportError(
            "the database has no schema `bus`; create it with python -m shared.database.bootstrap"
        ) from error
