"""Runs a service's migrations: its own schema only, one process at a time, never waiting long for a lock.

Migrations name the schema in every statement; the search path is empty.
"""

import asyncio
import os
from typing import Any

from alembic import context
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database.unit_of_work import async_url

LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "30s"
# Made and dropped at run time; the migrations know the parent table only.
_PARTITIONS = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relispartition
"""


def run_migrations(metadata: MetaData, env_var: str) -> None:
    """Called from a service's `migrations/env.py`; the URL comes from the environment variable `env_var`.

    Raises:
        SystemExit: the variable is not set.
    """
    url = os.environ.get(env_var)
    if not url:
        raise SystemExit(f"{env_var} is not set: give the PostgreSQL URL of the role that owns this schema.")
    if context.is_offline_mode():
        raise SystemExit("Migrations run against a database; use `alembic upgrade head` without --sql.")
    asyncio.run(_run_online(url, metadata))


async def _run_online(url: str, metadata: MetaData) -> None:
    # With the schema on the search path Alembic would take it for the default one and propose to create it all again.
    settings = {"search_path": "pg_catalog"}
    engine = create_async_engine(
        async_url(url), poolclass=pool.NullPool, connect_args={"timeout": 10, "server_settings": settings}
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate, metadata)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    schema = metadata.schema

    partitions = set(connection.execute(text(_PARTITIONS), {"schema": schema}).scalars())

    def include_name(name: str | None, kind: str, _parents: Any) -> bool:
        if kind == "table":
            return name not in partitions
        return name == schema if kind == "schema" else True

    connection.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": f"migrations:{schema}"})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=schema,
        include_schemas=True,
        include_name=include_name,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
