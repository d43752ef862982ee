"""The main job against a small server that speaks the contract."""

import io
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.api import Api
from local.connection import Connection, Credentials
from local.display import Display
from local.errors import LocalError
from local.main_job import MainJob, MainJobResult
from local.sample.company import make_sample


def run(gateway: Any, tmp_path: Path, files: tuple[Path, ...], loaded: list[str]) -> tuple[MainJobResult, str]:
    console = Console(file=io.StringIO(), width=200)
    with Connection(gateway.url, Credentials("a@b.c", "pw")) as connection:
        job = MainJob(
            api=Api(connection),
            display=Display(console),
            exports=tmp_path / "exports",
            language="en",
            files=files,
            began=time.monotonic(),
            loaded=lambda: loaded.append("yes"),
        )
        result = job.run()
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def test_it_imports_plans_tells_and_exports(gateway: Any, tmp_path: Path, last_day: Any) -> None:
    loaded: list[str] = []
    files = make_sample(tmp_path / "sample", last_day, articles=20).files
    result, text = run(gateway, tmp_path, files, loaded)
    figures = result.as_json()
    assert figures.pop("seconds") > 0
    assert figures == {
        "imported_rows": 45,
        "quarantined_rows": 5,
        "articles": 300,
        "forecast_wape_28": 0.31,
        "naive_wape_28": 0.42,
        "recommendations": 2,
        "messages": 1,
        "export": str(tmp_path / "exports" / "plan.xlsx"),
    }
    assert (tmp_path / "exports" / "plan.xlsx").read_bytes() == b"PK workbook"
    assert loaded == ["yes"]
    for expected in ("negative price", "runs out in 3 days", "One line to order.", "31.0%"):
        assert expected in text
    kinds = [path.split("kind=")[1].split("&")[0] for method, path, *_ in gateway.requests if "imports?" in path]
    assert kinds == ["suppliers", "products", "sales", "stock", "purchase-orders"]


def test_it_fails_when_nobody_was_told(gateway: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.main_job._MESSAGE_SECONDS", 1.0)
    gateway.answers["GET /api/v1/notifications/messages"] = (200, {"items": [], "next_cursor": None})
    with pytest.raises(LocalError, match="no message about it was sent"):
        run(gateway, tmp_path, (), [])


def test_it_fails_when_an_import_fails_and_the_data_does_not_count_as_loaded(
    gateway: Any, tmp_path: Path, last_day: Any
) -> None:
    gateway.answers["GET /api/v1/data/imports/sales"] = (200, {"id": "sales", "status": "failed", "problem": None})
    loaded: list[str] = []
    with pytest.raises(LocalError, match="has failed"):
        run(gateway, tmp_path, make_sample(tmp_path / "sample", last_day, articles=20).files, loaded)
    assert loaded == []


def test_a_short_outage_while_waiting_is_sat_out(gateway: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([(503, {"title": "Away", "status": 503})] * 12)
    contract = gateway.contract

    def flaky(method: str, path: str, query: Any, body: bytes) -> tuple[int, Any]:
        if path.endswith("/runs/run1"):
            away = next(answers, None)
            if away:
                return away
        return contract(method, path, query, body)

    monkeypatch.setattr(gateway, "contract", flaky)
    monkeypatch.setattr("local.connection._pause", lambda answer, attempt: 0.01)
    result, _ = run(gateway, tmp_path, (), [])
    assert result.recommendations == 2
