"""What the bootstrap makes: repeated safely, and tables that their own service can no longer change."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from shared.database.bootstrap import OWNERS, bootstrap_database, database_url, role_of

PASSWORD = "test-only"
DATABASE = "bootstrap_test"


@pytest.fixture
def admin_url(postgres_server: Any) -> Iterator[str]:
    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(postgres_server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(bootstrap_database(postgres_server.url, dict.fromkeys(OWNERS, PASSWORD), database=DATABASE))
    yield database_url(postgres_server.url, DATABASE)
    asyncio.run(execute(f"DROP DATABASE {DATABASE} WITH (FORCE)"))


@pytest.fixture
def service_url(postgres_server: Any) -> str:
    return postgres_server.url_for(DATABASE, role_of("data"), PASSWORD)


def run(url: str, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


def test_kept_tables_only_grow_and_the_bootstrap_can_be_repeated(admin_url: str, service_url: str) -> None:
    run(
        service_url,
        "CREATE TABLE data.trail (n int)",
        "CREATE TABLE data.head (n int)",
        "CREATE TABLE data.own (n int)",
    )
    run(service_url, "SELECT keeper.keep('data', '{trail}', '{head}', '{}')")
    asyncio.run(bootstrap_database(admin_url, dict.fromkeys(OWNERS, PASSWORD), database=DATABASE))
    run(service_url, "INSERT INTO data.trail VALUES (1)", "SELECT * FROM data.trail, data.head")
    for refused in (
        "DELETE FROM data.trail",
        "DROP TABLE data.trail",
        "INSERT INTO data.head VALUES (1)",
        "DROP SCHEMA data CASCADE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run(service_url, refused)
    run(service_url, "INSERT INTO data.own VALUES (1)", "DROP TABLE data.own", "CREATE TABLE data.later (n int)")


def test_nothing_is_given_away_twice_or_for_another_service(admin_url: str, service_url: str) -> None:
    assert admin_url
    with pytest.raises(asyncpg.RaiseError, match="own schema"):
        run(service_url, "SELECT keeper.keep('gateway', '{}', '{}', '{}')")
    run(service_url, "SELECT keeper.keep('data', '{}', '{}', '{}')")
    with pytest.raises(asyncpg.RaiseError, match="given away before"):
        run(service_url, "SELECT keeper.keep('data', '{}', '{}', '{}')")
