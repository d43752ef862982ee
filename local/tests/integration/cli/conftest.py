"""A small real HTTP server that speaks the gateway's contract, and the installed command run against it."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from local.cli.main import main

LINE = {
    "id": "r1", "plan_id": "p1", "sku": "A0001", "name": "Green tea", "warehouse": "main", "supplier": "S01",
    "supplier_name": "Northern Roasters", "quantity": 24, "unit": "pcs", "line_value": 63.36, "currency": "EUR",
    "status": "proposed", "order_by": "2026-11-22", "runs_out_on": "2026-11-25", "blocked": None,
    "reason": {"en": "runs out in 3 days", "ru": "закончится через 3 дня"},
}  # fmt: skip
RUN = {
    "id": "run1", "phase": "planning", "progress": 1.0, "articles": 300, "models": {"ets": 200, "naive": 100}, "plan_id": "p1",
    "accuracy": {"wape_28": 0.31, "naive_wape_28": 0.42}, "problem": None,
}  # fmt: skip
EXPLANATION = {
    "steps": [{"code": "demand", "label": {"en": "Demand", "ru": "Спрос"}, "value": 27.5}],
    "replayed_quantity": 24, "text": {"en": "Because 27.5 are needed.", "ru": "Потому что нужно 27,5."},
}  # fmt: skip


class Gateway(ThreadingHTTPServer):
    """`answers` maps "METHOD /path" to (status, body); what is not there gets the contract's answer or 404."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, tuple[int, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.polls: dict[str, int] = {}
        self.messages: list[dict[str, Any]] = []

    def job(self, path: str, done: dict[str, Any]) -> dict[str, Any]:
        """Under way at the first question, done at the second."""
        self.polls[path] = self.polls.get(path, 0) + 1
        return (
            {**done, "status": "completed"} if self.polls[path] > 1 else {**done, "status": "running", "progress": 0.5}
        )

    def contract(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
        key = f"{method} {path}"
        counts = {"read": 10, "applied": 8, "unchanged": 1, "cleaned": 2, "quarantined": 1}
        routes: dict[str, Callable[[], tuple[int, Any]]] = {
            r"POST /api/v1/auth/login": lambda: (200, {"access_token": "token", "refresh_token": "r", "expires_in": 900}),
            r"POST /api/v1/data/imports": lambda: (202, {"id": query["kind"][0], "status": "queued", "filename": query["filename"][0]}),
            r"GET /api/v1/data/imports/[a-z-]+": lambda: (
                200,
                self.job(path, {"id": path.rsplit("/", 1)[1], "kind": path.rsplit("/", 1)[1], "filename": "f.csv", "counts": counts, "rules": {"negative_price": 1}}),
            ),
            r"GET /api/v1/data/imports/[a-z-]+/quarantine": lambda: (
                200, {"items": [{"line": 7, "column": "price", "value": "-3", "reason": "below zero"}], "next_cursor": None},
            ),
            r"POST /api/v1/forecast/runs": lambda: (202, {**RUN, "status": "queued"}),
            r"GET /api/v1/forecast/runs": lambda: (200, {"items": [{**RUN, "status": "running"}], "next_cursor": None}),
            r"GET /api/v1/forecast/runs/run1": lambda: (200, self.told(self.job(path, RUN))),
            r"GET /api/v1/forecast/recommendations": lambda: (200, self.lines(query)),
            r"GET /api/v1/forecast/recommendations/r1/explanation": lambda: (200, EXPLANATION),
            r"GET /api/v1/notifications/subscriptions": lambda: (200, {"items": [], "next_cursor": None}),
            r"POST /api/v1/notifications/subscriptions": lambda: (201, {"id": "s1", **json.loads(body)}),
            r"GET /api/v1/notifications/messages": lambda: (200, {"items": self.messages, "next_cursor": None}),
            r"POST /api/v1/storage/exports": lambda: (202, {"id": "e1", "status": "queued"}),
            r"GET /api/v1/storage/exports/e1": lambda: (200, self.job(path, {"id": "e1", "file_name": "plan.xlsx", "rows": 1})),
            r"GET /api/v1/storage/exports/e1/content": lambda: (200, b"PK workbook"),
            r"POST /api/v1/storage/backups": lambda: (202, {"id": "b1", "status": "queued"}),
            r"GET /api/v1/storage/backups": lambda: (
                200, {"items": [{"id": "b0", "status": "verified", "created_at": "2026-01-01"}, {"id": "b1", "status": "failed", "created_at": "2026-01-02"}], "next_cursor": None},
            ),
            r"GET /api/v1/storage/backups/b1": lambda: (200, self.job(path, {"id": "b1", "size_bytes": 5})),
            r"POST /api/v1/storage/backups/b0/restorations": lambda: (202, {"id": "x1", "status": "queued"}),
            r"GET /api/v1/storage/restorations/x1": lambda: (200, self.job(path, {"id": "x1", "target_database": "restored"})),
            r"GET /api/v1/monitoring/status": lambda: (
                200, {"overall": "up", "open_incidents": 0, "targets": [{"name": "gateway", "kind": "service", "status": "up"}]},
            ),
            r"GET /api/v1/users": lambda: (
                200, {"items": [{"id": "u1", "email": "a@b.c", "name": "A", "roles": ["admin"], "active": True, "created_at": "2026"}], "next_cursor": None},
            ),
            r"POST /api/v1/users": lambda: (201, {"id": "u2", **json.loads(body), "active": True}),
            r"PATCH /api/v1/users/u1": lambda: (200, {"email": "a@b.c", **json.loads(body)}),
        }  # fmt: skip
        for pattern, answer in routes.items():
            if re.fullmatch(pattern, key):
                return answer()
        return 404, {"title": "Not found", "status": 404, "code": "not_found", "detail": f"There is no {path}."}

    def told(self, job: dict[str, Any]) -> dict[str, Any]:
        if job["status"] == "completed":
            self.messages = [
                {"id": "m1", "channel": "console", "address": "buyers", "status": "sent", "text": "One line to order.", "created_at": "2026"}
            ]  # fmt: skip
        return job

    def lines(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Two pages, to see that they are followed."""
        if query.get("sku", ["A0001"]) != ["A0001"]:
            return {"items": [], "next_cursor": None}
        second = {**LINE, "id": "r2", "sku": "A0002", "warehouse": "north"}
        return {"items": [second], "next_cursor": None} if "cursor" in query else {"items": [LINE], "next_cursor": "2"}


class Handler(BaseHTTPRequestHandler):
    server: Gateway

    def answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        status, content = self.server.answers.get(f"{self.command} {parts.path}") or self.server.contract(
            self.command, parts.path, parse_qs(parts.query), body
        )
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = answer  # noqa: N815  # the names http.server calls

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def procurement(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the command's entry against the small server; values of "" unset a variable."""
    for name in [each for each in os.environ if each.startswith("PROCUREMENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **environment: str) -> Done:
        known = {"PROCUREMENT_URL": gateway.url, "PROCUREMENT_EMAIL": "a@b.c", "PROCUREMENT_PASSWORD": "pw"}
        with monkeypatch.context() as patch:
            for name, value in {"COLUMNS": "200", **known, **environment}.items():
                patch.setenv(name, value) if value else patch.delenv(name, raising=False)
            patch.setattr("sys.argv", ["procurement", *arguments])
            capfd.readouterr()
            code = 0
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
            captured = capfd.readouterr()
        return Done(code, captured.out, captured.err)

    return run
