"""A backup and its verified restoration against bare pg_dump and pg_restore of the same rows.

python storage-service/tests/bench/bench_backup.py [ROWS]

The last line is one JSON object: `backup_vs_pg_dump` is the ratio of the wall-clock times, dump and restore together;
the platform's side also encrypts, counts and hashes every row twice.
"""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from local.infrastructure.postgres import PostgresServer, start_postgres
from shared.database.bootstrap import OWNERS, bootstrap_database
from storage_service.backups.jobs import BackupJobs
from storage_service.backups.repository import BackupRepository, RestorationRepository
from storage_service.resources import open_resources
from storage_service.settings import Settings

SERVICE = Path(__file__).resolve().parents[2]
SALES = """
CREATE TABLE data.sales (sku text, warehouse text, day date, quantity float8, price numeric(12, 2), at timestamptz);
INSERT INTO data.sales SELECT 'SKU-' || n % 5000, 'WH' || n % 3, date '2022-01-01' + n % 1000, random() * 20,
    (random() * 900)::numeric(12, 2), timestamptz '2022-01-01' + n * interval '7 s' FROM generate_series(1, {rows}) n;
CREATE INDEX ON data.sales (sku, day);
"""


async def fill(server: PostgresServer, rows: int) -> int:
    """Returns the bytes the table takes."""
    await bootstrap_database(server.url, dict.fromkeys(OWNERS, "bench"))
    connection = await asyncpg.connect(server.url_for("procurement"))
    await connection.execute(SALES.format(rows=rows))
    size = await connection.fetchval("SELECT pg_total_relation_size('data.sales')")
    await connection.close()
    return size


def migrate(server: PostgresServer) -> str:
    url = server.url_for("procurement", "procurement_storage", "bench")
    environment = {**os.environ, "STORAGE_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], cwd=SERVICE, env=environment, check=True)
    return url


def bare(server: PostgresServer, folder: Path) -> float:
    source, target = server.url_for("procurement"), server.url_for("bare")
    tools, dump = server.binaries, str(folder / "bare.dump")
    subprocess.run([tools / "psql", "-qc", "CREATE DATABASE bare", source], check=True)
    began = time.perf_counter()
    schemas = [f"--schema={owner}" for owner in OWNERS]
    subprocess.run([tools / "pg_dump", "-Fc", *schemas, "-f", dump, source], check=True)
    subprocess.run([tools / "pg_restore", "--exit-on-error", "-d", target, dump], check=True)
    return time.perf_counter() - began


async def platform(server: PostgresServer, folder: Path, url: str) -> float:
    (folder / "key").write_bytes(secrets.token_bytes(32))
    settings = Settings(
        database_url=url,
        files_directory=folder / "files",
        backups_directory=folder / "backups",
        backup_database_url=server.url_for("procurement"),
        backup_key_file=folder / "key",
        pg_bin_directory=server.binaries,
    )
    async with open_resources(settings) as resources:
        jobs = BackupJobs(resources)
        began = time.perf_counter()
        async with resources.database.unit_of_work() as work:
            backup_id = await BackupRepository(work.session).add(None)
            await work.commit()
        await jobs.run_next()
        async with resources.database.unit_of_work() as work:
            restoration_id = await RestorationRepository(work.session).add(backup_id, "restored", None)
            await work.commit()
        await jobs.run_next()
        seconds = time.perf_counter() - began
        async with resources.database.unit_of_work() as work:
            restoration = await RestorationRepository(work.session).find(restoration_id)
    if restoration is None or restoration.status != "completed":
        raise SystemExit(f"the restoration did not complete: {restoration}")
    return seconds


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    with tempfile.TemporaryDirectory() as name, start_postgres(Path(name) / "pg", durable=False) as server:
        size = asyncio.run(fill(server, rows))
        url = migrate(server)
        theirs = bare(server, Path(name))
        ours = asyncio.run(platform(server, Path(name), url))
    figures = {"backup_vs_pg_dump": round(ours / theirs, 2), "seconds": round(ours, 1), "table_mb": size >> 20}
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    main()
