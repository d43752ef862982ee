"""Creates the database, a schema and a role per service, and the embedded transport's schema. Safe to repeat.

python -m shared.database.bootstrap      # BOOTSTRAP_ADMIN_URL, BOOTSTRAP_PASSWORD_<OWNER> in the environment
"""

import asyncio
import os
from collections.abc import Mapping
from importlib import resources
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

OWNERS = ("gateway", "data", "forecast", "notification", "monitoring", "storage")
DATABASE = "procurement"


def role_of(owner: str) -> str:
    return f"procurement_{owner}"


def database_url(admin_url: str, database: str) -> str:
    return make_url(admin_url).set(database=database).render_as_string(hide_password=False)


async def bootstrap_database(admin_url: str, passwords: Mapping[str, str], database: str = DATABASE) -> None:
    """`admin_url`: a superuser's, any database of the server. `passwords`: of each owner's role."""
    server = await asyncpg.connect(admin_url, timeout=10)
    try:
        if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await server.execute(f'CREATE DATABASE "{database}" ENCODING UTF8 TEMPLATE template0')
    finally:
        await server.close()
    connection = await asyncpg.connect(database_url(admin_url, database), timeout=10)
    try:
        async with connection.transaction():
            # Several bootstraps at once would race for the same catalogue rows.
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('bootstrap'))")
            await connection.execute(f'REVOKE CONNECT, TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
            await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            await _role(connection, "procurement_bus", login=False)
            await connection.execute((resources.files("shared.database") / "keeper.sql").read_text(encoding="utf-8"))
            for owner, password in passwords.items():
                await _owner(connection, database, owner, password)
            await connection.execute(
                (resources.files("shared.messaging") / "postgres_schema.sql").read_text(encoding="utf-8")
            )
    finally:
        await connection.close()


async def _role(connection: Any, role: str, *, login: bool) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f'CREATE ROLE "{role}" {"LOGIN" if login else "NOLOGIN"} NOSUPERUSER NOCREATEDB')


async def _owner(connection: Any, database: str, owner: str, password: str) -> None:
    role = role_of(owner)
    await _role(connection, role, login=True)
    await _role(connection, f"{role}_keeper", login=False)
    quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
    await connection.execute(f'ALTER ROLE "{role}" PASSWORD {quoted}')
    await connection.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{database}" TO "{role}"')
    await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{owner}" AUTHORIZATION "{role}"')
    await connection.execute(f'GRANT procurement_bus TO "{role}"')
    await connection.execute(f'GRANT USAGE ON SCHEMA keeper TO "{role}"')
    await connection.execute(f'GRANT EXECUTE ON FUNCTION keeper.keep(text, text[], text[], text[]) TO "{role}"')
    await connection.execute(f'ALTER ROLE "{role}" IN DATABASE "{database}" SET search_path = "{owner}"')


def main() -> None:
    admin_url = os.environ.get("BOOTSTRAP_ADMIN_URL")
    passwords = {owner: os.environ.get(f"BOOTSTRAP_PASSWORD_{owner.upper()}", "") for owner in OWNERS}
    missing = [f"BOOTSTRAP_PASSWORD_{owner.upper()}" for owner, password in passwords.items() if not password]
    if not admin_url or missing:
        raise SystemExit(f"Set {', '.join(([] if admin_url else ['BOOTSTRAP_ADMIN_URL']) + missing)} and run again.")
    asyncio.run(bootstrap_database(admin_url, passwords))


if __name__ == "__main__":
    main()
