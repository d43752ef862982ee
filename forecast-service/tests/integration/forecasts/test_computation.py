"""The computing process: its end, its failures, what it leaves."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from forecast_service.forecasts.adapters.computation import Computation
from forecast_service.forecasts.adapters.workspace import Workspace
from forecast_service.forecasts.domain.result import RunOptions
from forecast_service.forecasts.errors import (
    ComputationError,
    NoDemandError,
    RunTimeoutError,
    UnreadableDemandError,
)

OPTIONS = RunOptions(boosting_rows=2000, boosting_trees=5)
pytestmark = pytest.mark.timeout(300)
SCHEMA = pa.schema(
    [
        ("sku", pa.utf8()),
        ("warehouse", pa.utf8()),
        ("date", pa.date32()),
        ("quantity", pa.float64()),
        ("price", pa.float64()),
        ("availability", pa.float64()),
    ]
)


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "run")
    made.create()
    return made


def write(workspace: Workspace, table: pa.Table) -> None:
    with pa.OSFile(str(workspace.demand_path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def sales(days: int = 60) -> pa.Table:
    columns = [["A"] * days, ["W"] * days, list(range(19000, 19000 + days)), [3.0] * days, [1.0] * days, [None] * days]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


async def run(workspace: Workspace, seconds: float = 60, steps: list | None = None):
    taken = steps if steps is not None else []
    return await Computation(1, seconds).run(workspace, OPTIONS, lambda phase, share: taken.append((phase, share)))


async def test_the_result_comes_back_with_progress_on_the_way(workspace) -> None:
    write(workspace, sales())
    steps: list[tuple[str, float]] = []
    series, outcome = await run(workspace, steps=steps)
    assert (series.skus, series.warehouses) == (["A"], ["W"])
    assert series.mean.shape == (1, 28)
    assert (outcome.articles, outcome.horizon_days) == (1, 28)
    assert steps[-1] == ("done", 1.0)


async def test_no_rows_are_told_as_such(workspace) -> None:
    write(workspace, SCHEMA.empty_table())
    with pytest.raises(NoDemandError, match="import sales"):
        await run(workspace)


async def test_a_missing_column_is_named(workspace) -> None:
    write(workspace, sales().drop_columns(["price"]))
    with pytest.raises(UnreadableDemandError, match="price"):
        await run(workspace)


@pytest.mark.parametrize("content", [b"", b"not arrow at all, but long enough to look at"])
async def test_a_file_that_is_not_arrow_is_told_as_such(workspace, content) -> None:
    workspace.demand_path.write_bytes(content)
    with pytest.raises(UnreadableDemandError):
        await run(workspace)


async def test_a_truncated_stream_is_no_result(workspace) -> None:
    write(workspace, sales(2000))
    whole = workspace.demand_path.read_bytes()
    workspace.demand_path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableDemandError):
        await run(workspace)


async def test_a_computation_that_takes_too_long_is_ended(workspace) -> None:
    write(workspace, sales())
    with pytest.raises(RunTimeoutError, match="FORECAST_RUN_TIMEOUT_SECONDS"):
        await run(workspace, seconds=0.05)


async def test_a_process_that_dies_is_a_failure_with_its_log(workspace) -> None:
    write(workspace, sales())
    (workspace.folder / "result.json.part").mkdir()
    with pytest.raises(ComputationError, match="code 1") as raised:
        await run(workspace)
    assert "Traceback" in raised.value.__notes__[0]


async def test_cancelling_ends_the_process(workspace) -> None:
    write(workspace, sales(1500))
    began = set(children())
    task = asyncio.create_task(run(workspace))
    while not set(children()) - began:  # noqa: ASYNC110 -- the kernel sends no event
        await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not set(children()) - began


async def test_the_process_ends_when_its_worker_is_gone(workspace) -> None:
    """Closing its input is what the death of the worker looks like from inside."""
    write(workspace, sales(1500))
    workspace.write_options(OPTIONS)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "forecast_service.forecasts",
        str(workspace.folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 30) == 2


def children() -> list[int]:
    threads = Path(f"/proc/{os.getpid()}/task").iterdir()
    return [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
