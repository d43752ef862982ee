"""A platform database worth backing up."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from local.infrastructure.postgres import PostgresServer
from storage_service.settings import Settings

TABLES = """
CREATE TABLE data.products (sku text PRIMARY KEY, name text NOT NULL, price numeric(12, 4), tags text[], raw bytea);
CREATE TABLE data.sales (sku text REFERENCES data.products, day date, quantity float8, at timestamptz, note jsonb);
CREATE TABLE forecast."Odd name" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "value; x" text);
INSERT INTO data.products SELECT 'SKU-' || n, 'Товар ' || n || E' \\t"quoted" \\\\ ', n / 3.0, ARRAY['a', NULL, 'ж'],
    decode(lpad(to_hex(n), 8, '0'), 'hex') FROM generate_series(1, 500) n;
INSERT INTO data.sales SELECT 'SKU-' || (n % 500 + 1), date '2024-01-01' + n % 700, random() * 1e-3 + n,
    timestamptz '2024-01-01 00:00+03' + n * interval '1.000001 s', jsonb_build_object('n', n, 'ж', NULL)
    FROM generate_series(1, 4000) n;
INSERT INTO data.sales VALUES ('SKU-1', 'infinity', 'NaN', '-infinity', NULL);
INSERT INTO forecast."Odd name" ("value; x") VALUES (NULL), (''), (E'\\u0001');
GRANT SELECT ON data.products TO procurement_data;
"""


@pytest.fixture
async def platform(settings: Settings) -> str:
    """The superuser's URL of a database with rows of every awkward kind."""
    assert settings.backup_database_url is not None
    url = settings.backup_database_url.get_secret_value()
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    await connection.close()
    return url


@pytest.fixture
async def query(postgres_server: PostgresServer) -> Callable[..., Any]:
    """`await query("database", "SELECT …")`, as a superuser."""

    async def run(database: str, statement: str) -> list[Any]:
        connection = await asyncpg.connect(postgres_server.url_for(database))
        try:
            rows: list[Any] = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return run


@pytest.fixture
async def drop_later(query: Callable[..., Any]) -> AsyncIterator[list[str]]:
    """Names of databases to remove at the end."""
    names: list[str] = []
    yield names
    for name in names:
        await query("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
