"""The renderer process: follows it, survives its end, takes it down."""

import asyncio
from pathlib import Path

import psutil
import pytest

from storage_service.exports.adapters.renderer import render_file
from storage_service.exports.adapters.spool import RenderJob, Spool
from storage_service.exports.domain.layout import CellType, Column, CsvDialect, Layout
from storage_service.exports.errors import RenderFailedError

COLUMNS = tuple(Column(f"c{number}", CellType.TEXT, 10) for number in range(12))


def spool_of(folder: Path, rows: int) -> Spool:
    spool = Spool(folder)
    spool.append_rows([[f"text {number} {column}" for column in range(12)] for number in range(rows)])
    spool.write_job(RenderJob(Layout("en", "Plan", "Summary", COLUMNS), (), CsvDialect(), rows))
    return spool


def renderers() -> list[psutil.Process]:
    return [
        child for child in psutil.Process().children() if "storage_service.exports.adapters.render" in child.cmdline()
    ]


async def test_the_event_loop_stays_free_while_a_workbook_is_written(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    reports: list[int] = []
    began = loop.time()
    writing = asyncio.create_task(render_file(spool_of(tmp_path, 10_000), "xlsx", reports.append))
    latest = 0.0
    while not writing.done():
        due = loop.time() + 0.01
        await asyncio.sleep(0.01)
        latest = max(latest, loop.time() - due)
    await writing
    assert latest < (loop.time() - began) / 2
    assert reports == sorted(reports)
    assert reports[-1] == 10_000


async def test_a_cancelled_export_takes_its_renderer_down(tmp_path: Path) -> None:
    begun = asyncio.Event()
    writing = asyncio.create_task(render_file(spool_of(tmp_path, 30_000), "xlsx", lambda _rows: begun.set()))
    await begun.wait()
    assert len(renderers()) == 1
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert renderers() == []


async def test_a_killed_renderer_is_a_failure_that_says_so(tmp_path: Path) -> None:
    def kill(_rows: int) -> None:
        for process in renderers():
            process.kill()

    with pytest.raises(RenderFailedError, match="-9"):
        await render_file(spool_of(tmp_path, 30_000), "xlsx", kill)


async def test_a_spool_that_cannot_be_read_is_a_failure_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(RenderFailedError, match="No such file"):
        await render_file(Spool(tmp_path), "csv", lambda _rows: None)
