"""Roles, schemas and migrations of real services; and how they are found to be complete already."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from local.bootstrap import prepare_database
from local.environment import Environment
from local.errors import LocalError
from local.infrastructure.postgres import PostgresServer, start_postgres
from local.infrastructure.stack import Infrastructure
from local.infrastructure.state import StateFolder
from local.services import SERVICES, Service

TWO = [service for service in SERVICES if service.owner in {"monitoring", "gateway"}]
PORTS = {service.owner: 20_000 + number for number, service in enumerate(SERVICES)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    with start_postgres(tmp_path, durable=False) as started:
        yield started


@pytest.fixture
def environment(server: PostgresServer, tmp_path: Path) -> Environment:
    infrastructure = Infrastructure(server.url, "redis://127.0.0.1", None, server.binaries)
    return Environment(StateFolder(tmp_path), infrastructure, PORTS, {})


def ask(url: str, statement: str) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_each_service_is_migrated_once_in_its_own_schema_and_a_second_start_is_quick(
    server: PostgresServer, environment: Environment, tmp_path: Path
) -> None:
    said: list[str] = []
    for _ in range(2):
        began = time.monotonic()
        prepare_database(server.url, environment, tmp_path / "logs", said.append, TWO)
    assert time.monotonic() - began < 5
    assert said == ["Migrating gateway, monitoring-service …"]
    url = environment.database_url(TWO[1])
    assert ask(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'monitoring'") > 3
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(url, "SELECT version_num FROM gateway.alembic_version")


def test_a_migration_that_fails_is_named_with_the_end_of_its_log(
    server: PostgresServer, environment: Environment, tmp_path: Path
) -> None:
    prepare_database(server.url, environment, tmp_path / "logs", lambda _: None, [])
    asyncio.run(_occupy(server.url_for("procurement")))
    with pytest.raises(LocalError, match=r"Migrations failed(.|\n)*gateway, end of"):
        prepare_database(server.url, environment, tmp_path / "logs", lambda _: None, TWO[:1])


async def _occupy(url: str) -> None:
    """Somebody made the schema before and did not give it away."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE SCHEMA gateway")
    finally:
        await connection.close()


def test_a_service_without_migrations_is_an_error(
    server: PostgresServer, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "src" / "without_migrations"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    with pytest.raises(LocalError, match=r"alembic\.ini is missing"):
        prepare_database(
            server.url, environment, tmp_path, lambda _: None, [Service("monitoring", "without_migrations")]
        )


def test_a_package_that_is_not_installed_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(LocalError, match="make setup"):
        _ = Service("nobody", "no_such_package").folder
