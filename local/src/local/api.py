"""The gateway's HTTP interface, as far as the runner and the command line use it."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local.connection import Connection, RefusedError, readable
from local.errors import LocalError, UnreachableError

Json = dict[str, Any]
Watcher = Callable[[Json], None]

_IMPORTS = "/api/v1/data/imports"
_RUNS = "/api/v1/forecast/runs"
_RECOMMENDATIONS = "/api/v1/forecast/recommendations"
_SUBSCRIPTIONS = "/api/v1/notifications/subscriptions"
_MESSAGES = "/api/v1/notifications/messages"
_EXPORTS = "/api/v1/storage/exports"
_BACKUPS = "/api/v1/storage/backups"
_RESTORATIONS = "/api/v1/storage/restorations"
_STATUS = "/api/v1/monitoring/status"
_USERS = "/api/v1/users"

_UNDER_WAY = frozenset({"queued", "running", "pending"})
_POLL_SECONDS = 0.4
_OUTAGE_SECONDS = 90.0


class JobFailedError(LocalError):
    """A background job of the platform ended without its result."""


class Api:
    def __init__(self, connection: Connection) -> None:
        self._http = connection

    @property
    def url(self) -> str:
        return self._http.url

    def me(self) -> Json:
        return self._object(self._http.get("/api/v1/auth/me"))

    def start_import(self, file: Path, kind: str) -> Json:
        is_packed = file.suffix == ".gz"
        with file.open("rb") as content:
            answer = self._http.send(
                "POST",
                _IMPORTS,
                params={"kind": kind, "filename": file.name},
                content=content,
                headers={
                    "Content-Type": "application/gzip" if is_packed else "text/csv",
                    "Content-Length": str(file.stat().st_size),
                },
            )
        return self._object(answer.json())

    def await_import(self, started: Json, watch: Watcher) -> Json:
        return self._finished(f"{_IMPORTS}/{started['id']}", f"Import of {started.get('filename')}", watch)

    def quarantine(self, import_id: str, limit: int = 5) -> list[Json]:
        """The first rows that were set aside, with line, column, value and reason."""
        return list(itertools.islice(self._http.pages(f"{_IMPORTS}/{import_id}/quarantine", limit=limit), limit))

    def start_run(self, horizon_days: int | None = None) -> Json:
        body = {} if horizon_days is None else {"horizon_days": horizon_days}
        return self._object(self._http.post(_RUNS, body, idempotency_key=str(uuid.uuid4())))

    def await_run(self, run_id: str, watch: Watcher) -> Json:
        return self._finished(f"{_RUNS}/{run_id}", "The forecast run", watch)

    def latest_run(self) -> Json | None:
        """The newest completed one."""
        latest = itertools.islice(self._http.pages(_RUNS, limit=50), 50)
        return next((run for run in latest if run["status"] == "completed"), None)

    def recommendations(self, **filters: Any) -> Iterator[Json]:
        """Most urgent first; without `plan_id` those of the latest plan."""
        return self._http.pages(_RECOMMENDATIONS, order="urgency", **filters)

    def explanation(self, recommendation_id: str) -> Json:
        return self._object(self._http.get(f"{_RECOMMENDATIONS}/{recommendation_id}/explanation"))

    def ensure_console_subscription(self, address: str, language: str, event_types: list[str]) -> Json:
        for each in self._http.pages(_SUBSCRIPTIONS):
            if each["channel"] == "console" and each["address"] == address:
                return each
        body = {"channel": "console", "address": address, "language": language, "event_types": event_types}
        return self._object(self._http.post(_SUBSCRIPTIONS, body, idempotency_key=str(uuid.uuid4())))

    def messages(self, limit: int = 200) -> list[Json]:
        return list(itertools.islice(self._http.pages(_MESSAGES, limit=min(limit, 1000)), limit))

    def start_export(self, file_format: str, language: str, plan_id: str | None = None) -> Json:
        body = {"kind": "plan", "format": file_format, "language": language}
        if plan_id:
            body["plan_id"] = plan_id
        return self._object(self._http.post(_EXPORTS, body, idempotency_key=str(uuid.uuid4())))

    def await_export(self, export_id: str, watch: Watcher) -> Json:
        return self._finished(f"{_EXPORTS}/{export_id}", "The export", watch)

    def download_export(self, export_id: str, target: Path) -> int:
        """Bytes written; the file appears under its name only when it is complete."""
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.part")
        with self._http.stream(f"{_EXPORTS}/{export_id}/content") as answer, unfinished.open("wb") as file:
            for block in answer.iter_bytes():
                file.write(block)
        unfinished.replace(target)
        return target.stat().st_size

    def start_backup(self) -> Json:
        return self._object(self._http.post(_BACKUPS, {}, idempotency_key=str(uuid.uuid4())))

    def await_backup(self, backup_id: str, watch: Watcher) -> Json:
        return self._finished(f"{_BACKUPS}/{backup_id}", "The backup", watch)

    def backups(self, limit: int = 50) -> list[Json]:
        return list(itertools.islice(self._http.pages(_BACKUPS, limit=limit), limit))

    def start_restoration(self, backup_id: str, target_database: str | None) -> Json:
        body = {"target_database": target_database} if target_database else {}
        path = f"{_BACKUPS}/{backup_id}/restorations"
        return self._object(self._http.post(path, body, idempotency_key=str(uuid.uuid4())))

    def await_restoration(self, restoration_id: str, watch: Watcher) -> Json:
        return self._finished(f"{_RESTORATIONS}/{restoration_id}", "The restoration", watch)

    def status(self) -> Json:
        return self._object(self._http.get(_STATUS))

    def users(self) -> Iterator[Json]:
        return self._http.pages(_USERS, limit=200)

    def add_user(self, email: str, name: str, password: str, roles: list[str]) -> Json:
        body = {"email": email, "name": name, "password": password, "roles": roles}
        return self._object(self._http.post(_USERS, body, idempotency_key=str(uuid.uuid4())))

    def change_user(self, user_id: str, changes: Json) -> Json:
        return self._object(self._http.patch(f"{_USERS}/{user_id}", changes))

    def _finished(self, path: str, what: str, watch: Watcher) -> Json:
        """Polls a job until it ends; outages of up to 90 seconds are sat out.

        Raises:
            JobFailedError: it ended, but not well; the text is its problem.
        """
        reached_at = time.monotonic()
        while True:
            try:
                job = self._object(self._http.get(path))
                reached_at = time.monotonic()
            except (UnreachableError, RefusedError) as error:
                is_outage = isinstance(error, UnreachableError) or error.status in {429, 502, 503, 504}
                if not is_outage or time.monotonic() - reached_at > _OUTAGE_SECONDS:
                    raise
                time.sleep(_POLL_SECONDS)
                continue
            watch(job)
            if job["status"] not in _UNDER_WAY:
                return _successful(job, what)
            time.sleep(_POLL_SECONDS)

    @staticmethod
    def _object(content: Any) -> Json:
        if not isinstance(content, dict):
            raise LocalError(f"Expected a JSON object from the platform, got: {str(content)[:100]}")
        return content


def _successful(job: Json, what: str) -> Json:
    if job["status"] in {"failed", "cancelled", "expired"}:
        problem = job.get("problem") or {}
        reason = f": {readable(int(problem.get('status', 500)), problem)}" if problem else "."
        raise JobFailedError(f"{what} has {job['status']}{reason}")
    return job
