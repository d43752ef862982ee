"""Runs the computation in a child process and hands on its progress."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process

from forecast_service.forecasts.adapters.workspace import Workspace
from forecast_service.forecasts.domain.outcome import ComputedSeries
from forecast_service.forecasts.domain.result import Progress, RunOptions
from forecast_service.forecasts.domain.runs import RunOutcome
from forecast_service.forecasts.errors import (
    ComputationError,
    NoDemandError,
    RunTimeoutError,
    UnreadableDemandError,
)

_STOP_SECONDS = 5.0
_LOG_BYTES = 16_384


class Computation:
    def __init__(self, threads: int, timeout_seconds: float) -> None:
        self._threads = threads
        self._timeout_seconds = timeout_seconds

    async def run(
        self, workspace: Workspace, options: RunOptions, progress: Progress
    ) -> tuple[ComputedSeries, RunOutcome]:
        """When cancelled, the child is ended first.

        Raises:
            NoDemandError, UnreadableDemandError, RunTimeoutError, ComputationError
        """
        await asyncio.to_thread(workspace.write_options, options)
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "forecast_service.forecasts",
            str(workspace.folder),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=numerical_environment(self._threads),
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                log = await _followed(child, progress)
        except TimeoutError as error:
            raise RunTimeoutError(
                f"The computation was ended after {self._timeout_seconds:.0f} s. Raise FORECAST_RUN_TIMEOUT_SECONDS, "
                "give it more FORECAST_COMPUTE_THREADS, or lower FORECAST_BOOSTING_ROWS."
            ) from error
        finally:
            await _ended(child)
        if child.returncode != 0:
            raise await asyncio.to_thread(_failure, workspace, child.returncode, log)
        return await asyncio.to_thread(workspace.read_result)


def numerical_environment(threads: int) -> dict[str, str]:
    """Without secrets. Numerical libraries must not wait for each other in busy loops, nor keep memory per thread."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("FORECAST_")},
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }


async def _followed(child: Process, progress: Progress) -> str:
    """Until the child closes its output; returns the end of what it wrote to its error output."""
    assert child.stdout is not None  # noqa: S101 -- opened as a pipe above
    assert child.stderr is not None  # noqa: S101
    errors = asyncio.create_task(_tail(child.stderr))
    try:
        async for line in child.stdout:
            step = json.loads(line)
            progress(step["phase"], step["progress"])
        await child.wait()
        return await errors
    finally:
        errors.cancel()


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while block := await stream.read(4096):
        kept = (kept + block)[-_LOG_BYTES:]
    return kept.decode(errors="replace")


async def _ended(child: Process) -> None:
    if child.stdin is not None:
        child.stdin.close()
    if child.returncode is None:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()


def _failure(workspace: Workspace, code: int | None, log: str) -> Exception:
    problem = workspace.read_problem()
    if problem is None:
        error = ComputationError(
            f"The computing process ended with code {code}"
            + (" (killed, perhaps for want of memory)" if code is not None and code < 0 else "")
            + ". The previous forecasts stay. The service's log says more."
        )
        error.add_note(log)
        return error
    if problem["code"] == "no_demand":
        return NoDemandError(problem["detail"])
    return UnreadableDemandError(f"{problem['detail']}. data-service and forecast-service do not fit each other.")
