"""One unit of work per use case: opened by the service, committed by name, rolled back when left (docs/adr/0004)."""

from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from shared.database.outbox import outbox_channel
from shared.events.envelope import Envelope, Event, source_of
from shared.observability import context, metrics


def async_url(url: str) -> str:
    """The same URL for SQLAlchemy's asyncpg dialect."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


class UnitOfWork:
    """A transaction with the events it makes true.

    Leaving the block without `commit` rolls back. No network call belongs inside: the transaction holds locks.
    """

    def __init__(self, session: AsyncSession, *, owner: str, outbox: Table, inbox: Table) -> None:
        self.session = session
        self._owner = owner
        self._outbox = outbox
        self._inbox = inbox

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def publish(self, event: Event, *, subject: str) -> UUID:
        """Writes the event to the outbox; `subject` is the aggregate whose events stay in order. Returns its id."""
        envelope = Envelope.of(
            event, source=source_of(self._owner), subject=subject, traceparent=context.traceparent.get()
        )
        await self.session.execute(
            self._outbox.insert().values(
                id=envelope.id, aggregate=subject, type=envelope.type, envelope=envelope.model_dump(mode="json")
            )
        )
        await self.session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": outbox_channel(self._outbox)})
        return envelope.id

    async def receive(self, consumer: str, event_id: UUID) -> bool:
        """Records that `consumer` applies the event in this transaction; False when it already did."""
        inserted = await self.session.execute(
            insert(self._inbox)
            .values(consumer=consumer, event_id=event_id)
            .on_conflict_do_nothing()
            .returning(self._inbox.c.event_id)
        )
        return inserted.scalar_one_or_none() is not None

    async def commit(self) -> None:
        await self.session.commit()

    async def driver(self) -> Any:
        """The asyncpg connection of this very transaction, for COPY and server-side cursors."""
        connection = await self.session.connection()
        raw = await connection.get_raw_connection()
        return raw.driver_connection


class Database:
    """The pool of one process; `owner` names the schema and the source of its events (`data`)."""

    def __init__(
        self,
        url: str,
        *,
        owner: str,
        outbox: Table,
        inbox: Table,
        pool_size: int = 5,
        statement_timeout_seconds: float = 60,
    ) -> None:
        self.url = url
        self.owner = owner
        self.outbox = outbox
        self.inbox = inbox
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": f"procurement-{owner}",
                    "search_path": str(outbox.schema),
                    "statement_timeout": str(int(statement_timeout_seconds * 1000)),
                    "timezone": "UTC",
                },
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    def unit_of_work(self) -> UnitOfWork:
        return UnitOfWork(self._sessions(), owner=self.owner, outbox=self.outbox, inbox=self.inbox)

    async def check(self) -> dict[str, Any]:
        """For readiness: one round trip. Raises the driver's error when the server is away."""
        async with self.engine.connect() as connection:
            version = (await connection.execute(text("SHOW server_version"))).scalar_one()
        pool = self.engine.pool
        metrics.DATABASE_CONNECTIONS.labels("in_use").set(pool.checkedout())  # type: ignore[attr-defined]
        metrics.DATABASE_CONNECTIONS.labels("idle").set(pool.checkedin())  # type: ignore[attr-defined]
        return {"server_version": version}

    async def close(self) -> None:
        await self.engine.dispose()
