"""Roles, schemas and migrations of all services; quick when there is nothing to do."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory

from local.environment import DATABASE, Environment
from local.errors import LocalError
from local.infrastructure.processes import ChildProcess, Launch, log_tail
from local.services import SERVICES, Service
from shared.database.bootstrap import bootstrap_database

_MIGRATION_SECONDS = 180.0


def prepare_database(
    admin_url: str,
    environment: Environment,
    logs: Path,
    report: Callable[[str], None],
    services: Sequence[Service] = SERVICES,
) -> None:
    """Safe to repeat.

    Raises:
        LocalError: a service has no migrations, or one of them failed.
    """
    passwords = {service.owner: environment.database_password(service) for service in services}
    asyncio.run(bootstrap_database(admin_url, passwords))
    current = asyncio.run(_current_versions(admin_url, services))
    outdated = [service for service in services if _heads(service.folder) != current[service.owner]]
    if outdated:
        report(f"Migrating {', '.join(service.name for service in outdated)} …")
        _migrate(outdated, environment, logs)


def _heads(folder: Path) -> set[str]:
    """Read from the script files; env.py is not imported."""
    if not (folder / "alembic.ini").exists():
        raise LocalError(f"{folder / 'alembic.ini'} is missing: every service brings its own migrations.")
    config = Config(str(folder / "alembic.ini"))
    config.set_main_option("script_location", str(folder / "migrations"))
    return set(ScriptDirectory.from_config(config).get_heads())


async def _current_versions(admin_url: str, services: Sequence[Service]) -> dict[str, set[str]]:
    connection = await asyncpg.connect(urlunsplit(urlsplit(admin_url)._replace(path=f"/{DATABASE}")), timeout=10)
    try:
        versions: dict[str, set[str]] = {}
        for service in services:
            table = f'"{service.owner}".alembic_version'
            exists = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table)
            rows = await connection.fetch(f"SELECT version_num FROM {table}") if exists else []
            versions[service.owner] = {row["version_num"] for row in rows}
        return versions
    finally:
        await connection.close()


def _migrate(services: Sequence[Service], environment: Environment, logs: Path) -> None:
    children = [
        ChildProcess.start(
            Launch(
                name=service.name,
                command=[sys.executable, "-m", "alembic", "upgrade", "head"],
                log=logs / f"{service.name}-migrations.log",
                environment=environment.of(service),
                folder=service.folder,
            )
        )
        for service in services
    ]
    try:
        failed = [child for child in children if child.wait(_MIGRATION_SECONDS) != 0]
    finally:
        for child in children:
            child.stop()
    if failed:
        texts = [f"{child.name}, end of {child.log}:\n{log_tail(child.log)}" for child in failed]
        raise LocalError("Migrations failed.\n" + "\n".join(texts))
