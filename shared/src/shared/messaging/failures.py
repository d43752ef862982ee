"""What a failure says: was it the infrastructure, or the message?"""

import asyncio
import time
from collections.abc import Iterator
from itertools import count

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from structlog.stdlib import BoundLogger

from shared.messaging.transport import TransportError
from shared.observability.logging import mask

REASON_LENGTH = 2000
OUTAGE_LOG_SECONDS = 30.0

_CONNECTION_LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
)
INFRASTRUCTURE = (
    SQLAlchemyError,
    TransportError,
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def lost_its_connection(error: BaseException) -> bool:
    """Whether the database connection broke under the work, so that trying again at once makes sense."""
    return any(
        isinstance(cause, _CONNECTION_LOST) or (isinstance(cause, DBAPIError) and cause.connection_invalidated)
        for cause in _chain(error)
    )


def describe(error: BaseException) -> str:
    """For logs, `last_error` and dead letters: type and text, secrets masked, bounded."""
    return mask(f"{type(error).__name__}: {error}")[:REASON_LENGTH]


class OutageLog:
    """Warns when an outage begins and every half minute of it, however often it is noticed."""

    def __init__(self, log: BoundLogger, **fields: str) -> None:
        self._log = log
        self._fields = fields
        self._quiet_until = 0.0

    def note(self, error: Exception) -> None:
        if time.monotonic() >= self._quiet_until:
            self._log.warning("transport_away", **self._fields, error=describe(error))
            self._quiet_until = time.monotonic() + OUTAGE_LOG_SECONDS


def is_cancelled() -> bool:
    """Whether somebody wants this task to end; a library may have swallowed the exception that says so."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def backoff(first_seconds: float, longest_seconds: float) -> Iterator[float]:
    return (min(longest_seconds, first_seconds * 2**n) for n in count())


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
