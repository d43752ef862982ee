"""The folder in which one export takes shape: what to render (`job.json`), its rows, and the finished file."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from storage_service.exports.domain.layout import (
    Block,
    Cell,
    CsvDialect,
    Layout,
    block_from_json,
    layout_from_json,
)
from storage_service.exports.errors import RenderFailedError


@dataclass(frozen=True)
class RenderJob:
    layout: Layout
    blocks: tuple[Block, ...]
    dialect: CsvDialect
    rows: int


@contextmanager
def spool_in(folder: Path | None, export_id: UUID) -> Iterator["Spool"]:
    """A spool that is gone when the block is left. What a killed attempt of this export left goes first."""
    parent = folder or Path(tempfile.gettempdir())
    for left in parent.glob(f"export-{export_id.hex}-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=f"export-{export_id.hex}-") as directory:
        yield Spool(Path(directory))


@dataclass(frozen=True)
class Spool:
    directory: Path

    @property
    def rows_path(self) -> Path:
        return self.directory / "rows.ndjson"

    @property
    def job_path(self) -> Path:
        return self.directory / "job.json"

    @property
    def output_path(self) -> Path:
        return self.directory / "output"

    def write_job(self, job: RenderJob) -> None:
        """Raises: RenderFailedError."""
        with _stored():
            self.job_path.write_text(json.dumps(asdict(job), ensure_ascii=False), encoding="utf-8")

    def read_job(self) -> RenderJob:
        value: dict[str, Any] = json.loads(self.job_path.read_text(encoding="utf-8"))
        return RenderJob(
            layout=layout_from_json(value["layout"]),
            blocks=tuple(block_from_json(block) for block in value["blocks"]),
            dialect=CsvDialect(**value["dialect"]),
            rows=value["rows"],
        )

    def append_rows(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Raises: RenderFailedError."""
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n" for row in rows]
        with _stored(), self.rows_path.open("a", encoding="utf-8") as file:
            file.writelines(lines)

    def read_rows(self) -> Iterator[list[Cell]]:
        if not self.rows_path.exists():
            return
        with self.rows_path.open("rb") as file:
            for line in file:
                yield json.loads(line)


@contextmanager
def _stored() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RenderFailedError(
            f"The rows could not be kept while the export was made: {error.strerror or error}. "
            "Free space in the folder of STORAGE_WORK_DIRECTORY, then order the export again."
        ) from error
