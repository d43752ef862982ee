"""Starts the renderer process and follows it."""

import asyncio
import os
import sys
from collections.abc import Callable

from storage_service.exports.adapters.spool import Spool
from storage_service.exports.errors import RenderFailedError

_RENDERER = "storage_service.exports.adapters.render"
_ERROR_CHARACTERS = 400


async def render_file(spool: Spool, file_format: str, progress: Callable[[int], None]) -> None:
    """Calls `progress` with the number of rows written. A cancelled caller takes the process down with it.

    Raises:
        RenderFailedError: the process ended without finishing the file, for instance because the disk is full.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _RENDERER,
        str(spool.directory),
        file_format,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None  # noqa: S101 -- both are pipes
    assert process.stderr is not None  # noqa: S101
    errors = asyncio.create_task(process.stderr.read())
    try:
        async for line in process.stdout:
            progress(int(line))
        message = (await errors).decode("utf-8", errors="replace").strip()
        if await process.wait() != 0:
            last_line = message.splitlines()[-1] if message else f"it ended with code {process.returncode}"
            raise RenderFailedError(f"The file could not be written: {last_line[:_ERROR_CHARACTERS]}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await errors
