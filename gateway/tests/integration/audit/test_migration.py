"""What was written before the chain began joins it; an administrator can go back."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from gateway.audit.domain.entries import Origin
from gateway.audit.service import AuditService
from gateway.database import INBOX, OUTBOX
from shared.database.bootstrap import OWNERS, bootstrap_database, database_url
from shared.database.unit_of_work import Database

MEMBER = Path(__file__).resolve().parents[3]
NAME = "audit_migration_test"
BEFORE_THE_CHAIN = "d41c0a6e31f1"
OLD_ROWS = """
    INSERT INTO gateway.audit_entries (id, occurred_at, action, succeeded, address, details, target)
    SELECT gen_random_uuid(), '2026-01-20T12:00:00Z'::timestamptz + n * interval '10 hours', 'user.created', true,
        '192.0.2.1', jsonb_build_object('zz', n, 'b', 1.50, 'text', 'ü "quoted"'), 'user:' || n
    FROM generate_series(0, 5) n
"""


def execute(url: str, *statements: str) -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            connection = await asyncpg.connect(url)
            stack.push_async_callback(connection.close)
            for statement in statements:
                await connection.execute(statement)

    asyncio.run(run())


def migrate(url: str, direction: Any, revision: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(MEMBER)
        patch.setenv("GATEWAY_DATABASE_URL", url)
        direction(Config(MEMBER / "alembic.ini"), revision)


@pytest.fixture
def urls(postgres_server: Any) -> Iterator[tuple[str, str]]:
    """The administrator's and the service's own."""
    asyncio.run(bootstrap_database(postgres_server.url, dict.fromkeys(OWNERS, "x"), database=NAME))
    asyncio.run(bootstrap_database(postgres_server.url, dict.fromkeys(OWNERS, "test-only"), database=NAME))
    yield database_url(postgres_server.url, NAME), postgres_server.url_for(NAME, "procurement_gateway", "test-only")
    execute(postgres_server.url, f"DROP DATABASE {NAME} WITH (FORCE)")


def verified(url: str) -> tuple[int, int, bool]:
    async def run() -> tuple[int, int, bool]:
        database = Database(url, owner="gateway", outbox=OUTBOX, inbox=INBOX)
        try:
            result = await AuditService(database).verify(origin=Origin("", None))
        finally:
            await database.close()
        return result.days, result.entries, result.intact

    return asyncio.run(run())


def test_entries_from_before_the_chain_join_it_in_their_order(urls: tuple[str, str]) -> None:
    admin, own = urls
    migrate(own, command.upgrade, BEFORE_THE_CHAIN)
    execute(own, OLD_ROWS)
    migrate(own, command.upgrade, "head")
    assert verified(own) == (3, 6, True)
    assert verified(own) == (4, 7, True)
    migrate(admin, command.downgrade, BEFORE_THE_CHAIN)
    with pytest.raises(asyncpg.RaiseError, match="never changed or removed"):
        execute(own, "DELETE FROM gateway.audit_entries")
    migrate(own, command.upgrade, "head")
    assert verified(own) == (4, 8, True)


def test_the_models_are_what_the_migrations_make(urls: tuple[str, str]) -> None:
    _, own = urls
    migrate(own, command.upgrade, "head")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(MEMBER)
        patch.setenv("GATEWAY_DATABASE_URL", own)
        command.check(Config(MEMBER / "alembic.ini"))
