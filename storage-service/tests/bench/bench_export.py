"""XLSX export of 100,000 × 12 against bare XlsxWriter, both in processes of their own.

python storage-service/tests/bench/bench_export.py [ROWS]

The last line is one JSON object: `xlsx_vs_xlsxwriter` (ratio of wall-clock times, best of the rounds, start of the
process included) and `xlsx_extra_mb` (growth of the exporting process plus the whole peak of its renderer process).
"""

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from storage_service.exports.adapters.renderer import render_file
from storage_service.exports.adapters.spool import RenderJob, Spool
from storage_service.exports.domain.layout import CellType, Column, CsvDialect, Layout

ROUNDS = 3
PAGE_ROWS = 1_000
KINDS = (
    (CellType.TEXT,) * 5
    + (CellType.QUANTITY, CellType.MONEY, CellType.MONEY)
    + (CellType.DATE,) * 2
    + (CellType.QUANTITY, CellType.PERCENT)
)

BARE = """
import json, resource, sys
import xlsxwriter
with xlsxwriter.Workbook(sys.argv[2], {"constant_memory": True}) as workbook:
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, [f"c{i}" for i in range(12)])
    with open(sys.argv[1], encoding="utf-8") as rows:
        for number, line in enumerate(rows, start=1):
            sheet.write_row(number, 0, json.loads(line))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def pages(rows: int):
    rng = random.Random(7)
    for start in range(0, rows, PAGE_ROWS):
        yield [
            [
                f"SKU-{number:06d}", f"Товар номер {number}", f"Supplier {number % 50}", f"WH{number % 3}", "proposed",
                rng.randint(1, 500), round(rng.uniform(1, 900), 2), round(rng.uniform(1, 90_000), 2),
                f"2026-12-{number % 28 + 1:02d}", f"2026-12-{number % 27 + 1:02d}", rng.randint(0, 90), 0.95,
            ]
            for number in range(start, min(start + PAGE_ROWS, rows))
        ]  # fmt: skip


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def export(directory: Path, rows: int) -> tuple[float, float]:
    """Seconds of the rendering, and MiB the parent grew by from spooling to the end."""
    spool = Spool(directory)
    before = memory_mb()
    for page in pages(rows):
        await asyncio.to_thread(spool.append_rows, page)
    layout = Layout("en", "Plan", "Summary", tuple(Column(f"c{index}", kind, 14) for index, kind in enumerate(KINDS)))
    spool.write_job(RenderJob(layout, (), CsvDialect(), rows))
    began = time.perf_counter()
    await render_file(spool, "xlsx", lambda _rows: None)
    return time.perf_counter() - began, memory_mb() - before


def bare(directory: Path) -> tuple[float, float]:
    began = time.perf_counter()
    output = subprocess.run(
        [sys.executable, "-c", BARE, str(directory / "rows.ndjson"), str(directory / "bare.xlsx")],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return time.perf_counter() - began, float(output)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    ours, theirs, growth, renderer_peak, bare_peak = [], [], 0.0, 0.0, 0.0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            seconds, grown = asyncio.run(export(Path(name), rows))
            ours.append(seconds)
            growth = max(growth, grown)
            # The largest child so far: only in the first round is that surely the renderer.
            renderer_peak = renderer_peak or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            seconds, bare_peak = bare(Path(name))
            theirs.append(seconds)
        sys.stderr.write(f"export {ours[-1]:.2f} s, bare {theirs[-1]:.2f} s, renderer peak {renderer_peak:.0f} MiB\n")
    print(  # noqa: T201
        json.dumps(
            {
                "xlsx_vs_xlsxwriter": round(min(ours) / min(theirs), 3),
                "xlsx_extra_mb": round(growth + renderer_peak, 1),
                "bare_peak_mb": round(bare_peak, 1),
                "seconds": round(min(ours), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
