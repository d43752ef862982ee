"""Tables' base with schema "monitoring", the outbox and the inbox, and what to say when PostgreSQL is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import ClassVar

import asyncpg
from sqlalchemy import DateTime
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase

from shared.database.base import create_base
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox
from shared.errors import UnavailableError


class Base(DeclarativeBase):
    """Declared as a class, since a class made by a function cannot be a base for the type checker."""

    metadata = create_base("monitoring").metadata
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


outbox = create_outbox(Base.metadata)
inbox = create_inbox(Base.metadata)

_AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)


class StoreUnavailableError(UnavailableError):
    code = "database_unavailable"
    title = "The monitoring database cannot be reached"


def _is_away(error: Exception) -> bool:
    if isinstance(error, DBAPIError) and error.orig is not None and isinstance(error.orig.__cause__, _AWAY):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, (*_AWAY, InterfaceError, OperationalError))


@asynccontextmanager
async def reaching_database() -> AsyncIterator[None]:
    """Raises: StoreUnavailableError for whatever the driver raises while the server is away; the rest passes."""
    try:
        yield
    except Exception as error:
        if _is_away(error):
            raise StoreUnavailableError("PostgreSQL does not answer monitoring-service now; try again.") from error
        raise
