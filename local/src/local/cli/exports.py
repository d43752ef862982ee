"""`procurement export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from local.cli.options import DEFAULT_STATE, AsJson, Language, State, Texts, Url, session


class ExportFormat(StrEnum):
    XLSX = "xlsx"
    CSV = "csv"
    SHEETS = "sheets"


def export(
    file_format: Annotated[
        ExportFormat, typer.Option("--format", help="sheets writes to Google Sheets and prints the address.")
    ] = ExportFormat.XLSX,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="File or folder to write to. Default: here.")
    ] = None,
    plan_id: Annotated[str | None, typer.Option("--plan", metavar="ID", help="Default: the latest plan.")] = None,
    language: Texts = Language.EN,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Write the plan to a file, or to Google Sheets."""
    with session(url, state, as_json=as_json) as opened:
        with opened.display.task(f"Plan as {file_format.value}") as watch:
            started = opened.api.start_export(file_format.value, language.value, plan_id)
            done = opened.api.await_export(started["id"], watch)
        if file_format is ExportFormat.SHEETS:
            opened.display.line(str(done.get("url")))
            opened.answer(done)
            return
        name = Path(str(done.get("file_name") or f"plan.{file_format.value}")).name
        target = output / name if output and output.is_dir() else output or Path(name)
        size = opened.api.download_export(done["id"], target)
        opened.display.line(f"{target} ({size:,} bytes, {done.get('rows')} rows)")
        opened.answer({**done, "path": str(target)})
