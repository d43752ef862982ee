# ruff: noqa: T201 -- a bench prints
"""Import of sales against a bare COPY of the same rows into an equally indexed table, on a durable PostgreSQL.

python data-service/tests/bench/bench_import.py [ROWS]

Without ROWS the retail file beside the repository is imported when it is there, else 1,000,000 generated rows. The
import runs in a process of its own from claim to commit; the best of the rounds counts on both sides. The last line is
one JSON object: `import_vs_copy`, `rows`, `seconds`, `peak_mb` (of the importing process), `reimport_vs_import` (the
same file again), `arrow_rows_per_second` and `first_byte_seconds` (demand, read in process).
"""

import asyncio
import gzip
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import asyncpg

from data_service.demand.service import DemandService
from data_service.imports.adapters.spool import Spool
from data_service.imports.domain.kinds import ImportKind
from data_service.imports.jobs import create_import_worker
from data_service.imports.service import ImportService
from data_service.resources import open_resources
from data_service.settings import Settings
from local.infrastructure.postgres import PostgresServer, start_postgres
from shared.database.bootstrap import OWNERS, bootstrap_database, role_of
from shared.web.identity import UNLIMITED

MEMBER = Path(__file__).resolve().parents[2]
RETAIL = MEMBER.parents[1] / "shared" / "data" / "retail" / "sales.csv.gz"
ROUNDS = 3
GENERATED_ROWS = 1_000_000
DAYS = 730
EXPORT = "SELECT product_id, warehouse_id, date, quantity, price FROM data.sales ORDER BY product_id, date"


def generate(path: Path, rows: int) -> None:
    first = date(2023, 1, 1)
    with gzip.open(path, "wt", compresslevel=1) as out:
        out.write("date,sku,quantity,price\n")
        for row in range(rows):
            article, day = divmod(row, DAYS)
            out.write(f"{first + timedelta(days=day)},P{article:06},{row % 7},{1 + article % 900 / 100:.2f}\n")


def prepare(server: PostgresServer) -> str:
    asyncio.run(bootstrap_database(server.url, dict.fromkeys(OWNERS, "bench")))
    url = server.url_for("procurement", role_of("data"), "bench")
    alembic = [sys.executable, "-m", "alembic", "upgrade", "head"]
    subprocess.run(alembic, cwd=MEMBER, env={**os.environ, "DATA_DATABASE_URL": url}, check=True)
    return url


async def import_file(settings: Settings, file: Path) -> dict[str, float]:
    """In this process: seconds from claim to commit, rows, peak memory."""
    async with open_resources(settings) as resources:
        service = ImportService(resources.database, Spool(settings.spool_directory, 8 << 30))

        async def chunks() -> AsyncIterator[bytes]:
            with file.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    yield chunk

        record = await service.accept(ImportKind.SALES, file.name, chunks(), None, "bench")
        began = time.perf_counter()
        await create_import_worker(resources).run_once()
        seconds = time.perf_counter() - began
        record = await service.get_import(record.id)
        assert record.status == "completed", record.problem
        assert record.counts.read == record.counts.applied + record.counts.unchanged
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "rows": record.counts.read, "peak_mb": peak_mb, "applied": record.counts.applied}


def import_apart(url: str, spool: Path, file: Path) -> dict[str, float]:
    environment = {
        **os.environ,
        "DATA_DATABASE_URL": url,
        "DATA_SPOOL_DIRECTORY": str(spool),
        "DATA_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, __file__, "--import", str(file)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


async def emptied(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("TRUNCATE data.sales, data.assortment")
    await connection.close()


async def bare_copy(url: str) -> float:
    """The rows as CSV out of memory into a table with the same columns and the same index."""
    connection = await asyncpg.connect(url)
    rows = io.BytesIO()
    await connection.copy_from_query(EXPORT, output=rows, format="csv")
    rows.seek(0)
    await connection.execute("CREATE TABLE data.bare_sales (LIKE data.sales INCLUDING ALL)")
    began = time.perf_counter()
    await connection.copy_to_table("bare_sales", schema_name="data", source=rows, format="csv")
    seconds = time.perf_counter() - began
    await connection.execute("DROP TABLE data.bare_sales")
    await connection.close()
    return seconds


async def read_demand(settings: Settings) -> tuple[float, float]:
    """Seconds to the first byte, and to the last."""
    async with open_resources(settings) as resources:
        began = time.perf_counter()
        first = 0.0
        async for _ in DemandService(resources.database, UNLIMITED).demand(None, None):
            first = first or time.perf_counter() - began
        return first, time.perf_counter() - began


def measure(url: str, work: Path, file: Path) -> dict[str, float]:
    imports, copies, again = [], [], []
    for number in range(ROUNDS):
        asyncio.run(emptied(url))
        imports.append(import_apart(url, work / "spool", file))
        copies.append(asyncio.run(bare_copy(url)))
        again.append(import_apart(url, work / "spool", file))
        print(f"round {number + 1}: import {imports[-1]['seconds']:.2f} s, again {again[-1]['seconds']:.2f} s, bare COPY {copies[-1]:.2f} s")  # fmt: skip
    settings = Settings(database_url=url, spool_directory=work / "spool")
    reads = [asyncio.run(read_demand(settings)) for _ in range(ROUNDS)]
    seconds, rows = min(run["seconds"] for run in imports), imports[0]["rows"]
    return {
        "import_vs_copy": round(seconds / min(copies), 2),
        "rows": int(rows),
        "seconds": round(seconds, 2),
        "peak_mb": round(max(run["peak_mb"] for run in imports)),
        "reimport_vs_import": round(min(run["seconds"] for run in again) / seconds, 2),
        "arrow_rows_per_second": round(rows / min(total for _, total in reads)),
        "first_byte_seconds": round(min(first for first, _ in reads), 3),
    }


def main() -> None:
    if sys.argv[1:2] == ["--import"]:
        print(json.dumps(asyncio.run(import_file(Settings(), Path(sys.argv[2])))))
        return
    work = Path(tempfile.mkdtemp(prefix="bench-import-"))
    try:
        file = RETAIL
        if len(sys.argv) > 1 or not RETAIL.exists():
            file = work / "sales.csv.gz"
            generate(file, int(sys.argv[1]) if len(sys.argv) > 1 else GENERATED_ROWS)
        with start_postgres(work / "postgres", durable=True) as server:
            result = measure(prepare(server), work, file)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
