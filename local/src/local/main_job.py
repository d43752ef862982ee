"""The main job, end to end through the gateway: import, forecast, recommend, tell, export."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.api import Api, Json
from local.display import Display
from local.errors import LocalError
from local.files import KINDS, recognise

URGENT_LINES = 10
_EVENT_TYPES = [
    "forecast.recommendations.published",
    "forecast.stockout-risk.detected",
    "forecast.run.failed",
    "data.import.failed",
]
_MESSAGE_SECONDS = 45.0
_QUIET_SECONDS = 1.5


@dataclass(frozen=True)
class MainJobResult:
    """The figures of one run; accuracy figures are None when there was too little history."""

    imported_rows: int
    quarantined_rows: int
    articles: int
    forecast_wape_28: float | None
    naive_wape_28: float | None
    recommendations: int
    messages: int
    export: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class MainJob:
    """`files`: none when the data is in the platform already. `began`: of the monotonic clock.
    `loaded` is called when all of them are imported.
    """

    api: Api
    display: Display
    exports: Path
    language: str
    files: Sequence[Path]
    began: float
    loaded: Callable[[], None]

    def run(self) -> MainJobResult:
        """Raises LocalError when any step did not do its work."""
        self.api.ensure_console_subscription("buyers", self.language, _EVENT_TYPES)
        told_before = {message["id"] for message in self.api.messages()}
        imports = import_files(self.api, self.display, self.files)
        self.loaded()
        run = plan(self.api, self.display)
        lines = self._show_plan(run)
        messages = self._show_messages(told_before)
        export = self._export(run)
        accuracy = run.get("accuracy") or {}
        return MainJobResult(
            imported_rows=sum(_rows(job, "applied") + _rows(job, "unchanged") for job in imports),
            quarantined_rows=sum(_rows(job, "quarantined") for job in imports),
            articles=int(run.get("articles") or 0),
            forecast_wape_28=accuracy.get("wape_28"),
            naive_wape_28=accuracy.get("naive_wape_28"),
            recommendations=lines,
            messages=messages,
            export=str(export),
            seconds=round(time.monotonic() - self.began, 1),
        )

    def _show_plan(self, run: Json) -> int:
        self.display.heading("Accuracy")
        self.display.accuracy(run)
        items = list(self.api.recommendations(plan_id=run.get("plan_id")))
        self.display.heading(f"The {min(URGENT_LINES, len(items))} most urgent of {len(items)} lines to order")
        self.display.recommendations(items[:URGENT_LINES], self.language)
        return len(items)

    def _show_messages(self, told_before: set[str]) -> int:
        messages = self._new_messages(told_before)
        self.display.heading("Messages sent")
        self.display.messages(messages)
        sent = [message for message in messages if message["status"] == "sent"]
        if not sent:
            raise LocalError("The plan is ready, but no message about it was sent; see logs/notification-service.log.")
        return len(sent)

    def _new_messages(self, told_before: set[str]) -> list[Json]:
        """Those about this job, once they are all delivered and no more are coming."""
        deadline = time.monotonic() + _MESSAGE_SECONDS
        quiet_since, seen = time.monotonic(), -1
        while True:
            new = [message for message in self.api.messages() if message["id"] not in told_before]
            if len(new) != seen:
                quiet_since, seen = time.monotonic(), len(new)
            is_settled = new and all(message["status"] != "queued" for message in new)
            is_quiet = time.monotonic() - quiet_since > _QUIET_SECONDS
            if (is_settled and is_quiet) or time.monotonic() > deadline:
                return sorted(new, key=lambda message: str(message.get("created_at")))
            time.sleep(0.3)

    def _export(self, run: Json) -> Path:
        self.display.heading("Files")
        with self.display.task("Plan as XLSX") as watch:
            started = self.api.start_export("xlsx", self.language, run.get("plan_id"))
            export = self.api.await_export(started["id"], watch)
            target = self.exports / str(export.get("file_name") or "plan.xlsx")
            size = self.api.download_export(export["id"], target)
        self.display.line(f"{target} ({size:,} bytes)")
        return target


def import_files(api: Api, display: Display, files: Sequence[Path], kind: str | None = None) -> list[Json]:
    """Loads the files, what others refer to first, and shows what was cleaned and set aside."""
    if not files:
        return []
    kinds = {file: kind or recognise(file) for file in files}
    display.heading("Import")
    finished = []
    for file in sorted(files, key=lambda each: KINDS.index(kinds[each])):
        with display.task(f"{file.name} ({kinds[file]})") as watch:
            started = api.start_import(file, kinds[file])
            finished.append(api.await_import(started, watch))
    display.imports(finished)
    for job in finished:
        if _rows(job, "quarantined"):
            _show_quarantine(api, display, job)
    return finished


def _show_quarantine(api: Api, display: Display, job: Json) -> None:
    address = f"{api.url}/api/v1/data/imports/{job['id']}/quarantine.csv"
    display.line(f"Set aside from {job.get('filename')}, for example (all of them: {address}):")
    columns = ("line", "column", "value", "reason")
    display.table(columns, [[row.get(name) for name in columns] for row in api.quarantine(job["id"])])


def plan(api: Api, display: Display, horizon_days: int | None = None) -> Json:
    """Forecast and recommendations for everything; waits until the plan is ready."""
    display.heading("Forecast and plan")
    with display.task("Forecast run") as watch:
        run = api.await_run(api.start_run(horizon_days)["id"], watch)
    if not run.get("plan_id"):
        raise LocalError("The forecast run ended without a plan; see logs/forecast-service.log.")
    return run


def _rows(job: Json, name: str) -> int:
    return int((job.get("counts") or {}).get(name) or 0)
