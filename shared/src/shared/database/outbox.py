"""The outbox: events to publish, written in the transaction that made them true (docs/adr/0006)."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, MetaData, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, UUID


def create_outbox(metadata: MetaData) -> Table:
    """The relay reads unpublished rows, never "rows after the last one seen": ids are taken before commit."""
    return Table(
        "outbox",
        metadata,
        Column("id", UUID(as_uuid=True), primary_key=True),
        Column("sequence", BigInteger, Identity(), nullable=False),
        Column("aggregate", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("envelope", JSONB, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("published_at", DateTime(timezone=True)),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("last_error", Text),
        Index("ix_outbox_unpublished", "sequence", postgresql_where=text("published_at IS NULL")),
        Index("ix_outbox_published_at", "published_at", postgresql_where=text("published_at IS NOT NULL")),
    )


def outbox_channel(outbox: Table) -> str:
    """The NOTIFY channel that wakes the relay of this schema."""
    return f"outbox_{outbox.schema}"
