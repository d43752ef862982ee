"""What backups read and change in a PostgreSQL server beside the tools: snapshots, table contents, databases, roles."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from shared.database.bootstrap import database_url
from storage_service.backups.domain.manifest import TableContent
from storage_service.backups.errors import BackupsNotConfiguredError, DatabaseExistsError, DatabaseUnreachableError

_CONNECT_SECONDS = 10.0
# Rows are compared by their text form, which must not depend on who asks.
_TEXT_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
}
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY($1::text[]) ORDER BY 1, 2
"""
_ROLES = """
SELECT rolname FROM pg_roles WHERE rolname ~ '^procurement_'
UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = ANY($1::text[])
ORDER BY 1
"""
_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"


@dataclass(frozen=True)
class Snapshot:
    """A moment of the database that pg_dump can join; `consistent_at` is that moment."""

    id: str
    connection: Any
    schemas: tuple[str, ...]
    roles: tuple[str, ...]
    database: str
    server_version: str
    consistent_at: datetime

    async def contents(self) -> tuple[TableContent, ...]:
        return await _contents(self.connection, self.schemas)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """Raises: DatabaseUnreachableError."""
    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS, server_settings=_TEXT_SETTINGS)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise DatabaseUnreachableError(
            f"The database of STORAGE_BACKUP_DATABASE_URL cannot be reached ({error}); check the URL and the server."
        ) from error
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def exported_snapshot(url: str, schemas: Sequence[str]) -> AsyncIterator[Snapshot]:
    """Schemas that do not exist (yet) are left out.

    Raises:
        BackupsNotConfiguredError: none of them exists.
        DatabaseUnreachableError
    """
    async with connected(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        found = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY($1::text[]) ORDER BY 1", list(schemas)
        )
        present = tuple(row["nspname"] for row in found)
        database = await connection.fetchval("SELECT current_database()")
        if not present:
            raise BackupsNotConfiguredError(
                f"The database {database} has none of the schemas {', '.join(schemas)}. "
                "Check the database name in STORAGE_BACKUP_DATABASE_URL."
            )
        roles = await connection.fetch(_ROLES, list(present))
        yield Snapshot(
            id=await connection.fetchval("SELECT pg_export_snapshot()"),
            connection=connection,
            schemas=present,
            roles=tuple(row["rolname"] for row in roles),
            database=database,
            server_version=await connection.fetchval("SHOW server_version"),
            consistent_at=(await connection.fetchval("SELECT transaction_timestamp()")).astimezone(UTC),
        )


async def read_contents(url: str, schemas: Sequence[str]) -> tuple[TableContent, ...]:
    async with connected(url) as connection:
        return await _contents(connection, schemas)


async def _contents(connection: Any, schemas: Sequence[str]) -> tuple[TableContent, ...]:
    contents = []
    for table in await connection.fetch(_TABLES, list(schemas)):
        quoted = f"{_quoted(table['schema'])}.{_quoted(table['name'])}"
        row = await connection.fetchrow(
            f"SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS hash FROM {quoted} t"
        )
        contents.append(TableContent(f"{table['schema']}.{table['name']}", row["rows"], row["hash"]))
    return tuple(contents)


async def server_version(url: str) -> str:
    async with connected(url) as connection:
        version: str = await connection.fetchval("SHOW server_version")
    return version


async def database_exists(url: str, name: str) -> bool:
    async with connected(url) as connection:
        return bool(await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name))


async def create_database(url: str, name: str, mark: str) -> None:
    """An empty database that only its owner may enter, marked so that a repeat knows its own.

    Raises:
        DatabaseExistsError
    """
    async with connected(url) as connection:
        try:
            await connection.execute(f"CREATE DATABASE {_quoted(name)} ENCODING 'UTF8' TEMPLATE template0")
        except asyncpg.DuplicateDatabaseError as error:
            raise DatabaseExistsError(f"The database {name} exists already. Choose another name.") from error
        comment = await connection.fetchval("SELECT quote_literal($1::text)", mark)
        await connection.execute(f"COMMENT ON DATABASE {_quoted(name)} IS {comment}")
        await connection.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {_quoted(name)} FROM PUBLIC")


async def drop_marked_database(url: str, name: str, mark: str) -> None:
    """Drops the database only when it carries this very mark."""
    async with connected(url) as connection:
        if await connection.fetchval(_COMMENT, name) == mark:
            await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")


async def create_missing_roles(url: str, roles: Sequence[str]) -> list[str]:
    """Owners and grantees of a dump must exist before it is restored; they cannot log in until they get a password."""
    async with connected(url) as connection:
        present = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        missing = [role for role in roles if role not in present]
        for role in missing:
            await connection.execute(f"CREATE ROLE {_quoted(role)} NOLOGIN")
    return missing


def database_of(url: str, name: str) -> str:
    return database_url(url, name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
