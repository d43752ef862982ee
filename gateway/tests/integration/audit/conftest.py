"""The audit trail on a database of its own, and the superuser who can do what nobody should."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.domain.entries import Actor, Entry, Origin
from gateway.audit.domain.verification import Verification
from gateway.audit.service import AuditService, Sealer
from gateway.database import INBOX, OUTBOX
from gateway.resources import SigningKeys
from shared.database.bootstrap import database_url
from shared.database.unit_of_work import Database

HERE = Origin("192.0.2.7", "request-1")
ANNA = Actor("user", "8f14e45f-ceea-467f-a2d4-6b1a2c3d4e5f", "Anna.Petrova@example.com")


def entry(number: int, **given: Any) -> Entry:
    values: dict[str, Any] = {
        "action": "user.created",
        "succeeded": True,
        "origin": HERE,
        "actor": ANNA,
        "target": f"user:{number}",
        "details": {"number": number, "roles": ["ops"]},
    }
    return Entry(**values | given)


@dataclass
class Trail:
    """The service as it runs, and a superuser's way around it."""

    database: Database
    audit: AuditService
    sealer: Sealer
    keys: SigningKeys
    admin_url: str
    url: str

    async def tamper(self, *statements: str) -> None:
        """With the triggers off, as only a superuser can."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute("SET session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def fetch(self, query: str, *values: Any) -> Sequence[Any]:
        connection = await asyncpg.connect(self.admin_url)
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def verify(self) -> Verification:
        return await self.audit.verify(origin=HERE)

    async def backdate(self, days: int) -> None:
        """Makes what was written so far the work of an earlier day, with right hashes: as if the time had passed."""
        await self.tamper(
            f"UPDATE gateway.audit_entries SET day = day - {days}, occurred_at = occurred_at - interval '{days} days'",
            f"UPDATE gateway.audit_head SET day = day - {days}, occurred_at = occurred_at - interval '{days} days'",
            """
            DO $$
            DECLARE
                entry gateway.audit_entries;
                last bytea := decode(repeat('00', 32), 'hex');
            BEGIN
                FOR entry IN SELECT * FROM gateway.audit_entries ORDER BY day, sequence LOOP
                    entry.previous_hash := last;
                    last := gateway.audit_entry_hash(entry);
                    UPDATE gateway.audit_entries SET previous_hash = entry.previous_hash, hash = last WHERE id = entry.id;
                END LOOP;
                UPDATE gateway.audit_head SET last_hash = last;
            END
            $$
            """,
        )


@pytest.fixture
async def trail(database_url_for: Callable[[str], str], postgres_server: Any) -> AsyncIterator[Trail]:
    url = database_url_for("gateway")
    database = Database(url, owner="gateway", outbox=OUTBOX, inbox=INBOX, pool_size=10)
    keys = SigningKeys((Ed25519PrivateKey.generate(),))
    admin_url = database_url(postgres_server.url, url.rpartition("/")[2].partition("?")[0])
    try:
        yield Trail(database, AuditService(database), Sealer(database, keys), keys, admin_url, url)
    finally:
        await database.close()
