"""pg_dump and pg_restore as child processes; what they write and read streams through."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from storage_service.backups.errors import DumpFailedError, PostgresToolsError, RestoreFailedError

_READ_BYTES = 1 << 20
_ERROR_CHARACTERS = 600
_VERSION = re.compile(r"(\d+)(?:\.\d+)*")


class PostgresTools:
    def __init__(self, directory: Path | None) -> None:
        """Without a directory the tools are looked for on the path."""
        self._directory = directory

    async def version(self) -> str:
        """Of pg_dump; pg_restore comes with it."""
        process = await self._start("pg_dump", ["--version"], {}, stdin=asyncio.subprocess.DEVNULL)
        output, _ = await process.communicate()
        found = _VERSION.search(output.decode(errors="replace"))
        if process.returncode != 0 or found is None:
            raise PostgresToolsError("pg_dump does not say its version; check STORAGE_PG_BIN_DIRECTORY.")
        return found.group(0)

    async def require_version(self, server_version: str) -> str:
        """Returns the tools' version. Raises: PostgresToolsError: they are older than the server."""
        version = await self.version()
        if int(version.split(".", maxsplit=1)[0]) < int(server_version.split(".", maxsplit=1)[0]):
            raise PostgresToolsError(
                f"pg_dump {version} cannot dump a server of version {server_version}. "
                "Set STORAGE_PG_BIN_DIRECTORY to a folder with tools of that version or newer."
            )
        return version

    async def dump(self, url: str, snapshot: str, schemas: Sequence[str]) -> AsyncIterator[bytes]:
        """The dump in custom format, piece by piece.

        Raises:
            DumpFailedError: after the last piece; what came so far is then worth nothing.
        """
        arguments = ["--format=custom", "--no-password", f"--snapshot={snapshot}"]
        arguments += [f'--schema="{schema}"' for schema in schemas]
        process = await self._start("pg_dump", arguments, _connection(url), stdin=asyncio.subprocess.DEVNULL)
        assert process.stdout is not None  # noqa: S101 -- a pipe
        async with _watched(process) as errors:
            while data := await process.stdout.read(_READ_BYTES):
                yield data
            if await process.wait() != 0:
                raise DumpFailedError(f"pg_dump ended with code {process.returncode}: {await _last_words(errors)}")

    async def restore(self, url: str, dump: Iterator[bytes]) -> None:
        """Feeds the dump to pg_restore. What `dump` raises ends the restore.

        Raises:
            RestoreFailedError
        """
        arguments = ["--exit-on-error", "--no-password", f"--dbname={make_url(url).database}"]
        process = await self._start("pg_restore", arguments, _connection(url), stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None  # noqa: S101 -- a pipe
        async with _watched(process) as errors:
            try:
                while (piece := await asyncio.to_thread(next, dump, None)) is not None:
                    process.stdin.write(piece)
                    await process.stdin.drain()
                process.stdin.close()
            except (BrokenPipeError, ConnectionResetError):
                # It ended early; its exit code and last words say why.
                await process.wait()
            if await process.wait() != 0:
                words = await _last_words(errors)
                raise RestoreFailedError(f"pg_restore ended with code {process.returncode}: {words}")

    async def _start(
        self, name: str, arguments: Sequence[str], environment: dict[str, str], *, stdin: int
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self._find(name),
            *arguments,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **environment},
            limit=_READ_BYTES,
        )

    def _find(self, name: str) -> str:
        found = shutil.which(name, path=str(self._directory) if self._directory else None)
        if found is None:
            where = f"in {self._directory}" if self._directory else "on the path"
            raise PostgresToolsError(
                f"{name} is not {where}. Install the PostgreSQL client, or set STORAGE_PG_BIN_DIRECTORY to its folder."
            )
        return found


@asynccontextmanager
async def _watched(process: asyncio.subprocess.Process) -> AsyncIterator["asyncio.Task[bytes]"]:
    """Collects standard error meanwhile; leaves no process behind."""
    assert process.stderr is not None  # noqa: S101 -- a pipe
    errors = asyncio.create_task(process.stderr.read())
    try:
        yield errors
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await errors


async def _last_words(errors: "asyncio.Task[bytes]") -> str:
    text = (await errors).decode(errors="replace").strip()
    return text[-_ERROR_CHARACTERS:] or "it gave no reason"


def _connection(url: str) -> dict[str, str]:
    """The URL as environment variables: arguments could be read by every user of the machine."""
    parts = make_url(url)
    values = {
        "PGHOST": parts.host or parts.query.get("host"),
        "PGPORT": parts.port,
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.database,
        "PGSSLMODE": parts.query.get("sslmode"),
        "PGSSLROOTCERT": parts.query.get("sslrootcert"),
        "PGCONNECT_TIMEOUT": 10,
    }
    return {name: str(value) for name, value in values.items() if value is not None}
