"""The folder of one run: what the worker hands to the computing process, and what comes back."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from forecast_service.accuracy.domain import SeriesAccuracy
from forecast_service.forecasts.domain.outcome import ComputedSeries
from forecast_service.forecasts.domain.panel import DemandPanel
from forecast_service.forecasts.domain.result import ForecastResult, RunOptions
from forecast_service.forecasts.domain.runs import RunOutcome

_ARRAYS = ("weights", "mean", "daily", "sums", "recent")
_SCORES = ("actual", "forecast", "absolute_error", "rmsse")


class Workspace:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def demand_path(self) -> Path:
        return self.folder / "demand.arrow"

    def create(self) -> None:
        """Empty, also when a worker that died left something."""
        self.remove()
        self.folder.mkdir(parents=True)

    def remove(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def write_options(self, options: RunOptions) -> None:
        (self.folder / "options.json").write_text(json.dumps(asdict(options)), encoding="utf-8")

    def read_options(self) -> RunOptions:
        return RunOptions(**json.loads((self.folder / "options.json").read_text(encoding="utf-8")))

    def demand_batches(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self.demand_path)) as source, pa.ipc.open_stream(source) as reader:
            yield from reader

    def write_result(self, panel: DemandPanel, result: ForecastResult, outcome: RunOutcome) -> None:
        for name in _ARRAYS:
            np.save(self.folder / f"{name}.npy", getattr(result, name))
        for prefix, scored in (("own", result.accuracy), ("naive", result.naive_accuracy)):
            if scored is not None:
                np.save(self.folder / f"{prefix}.npy", np.stack([getattr(scored, name) for name in _SCORES]))
        document = {
            "skus": panel.skus,
            "warehouses": panel.warehouses,
            "models": result.leading_models(),
            "outcome": asdict(outcome),
        }
        unfinished = self.folder / "result.json.part"
        unfinished.write_text(json.dumps(document, default=str, ensure_ascii=False), encoding="utf-8")
        unfinished.rename(self.folder / "result.json")

    def read_result(self) -> tuple[ComputedSeries, RunOutcome]:
        document = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        arrays = {name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
        series = ComputedSeries(
            skus=document["skus"],
            warehouses=document["warehouses"],
            models=document["models"],
            accuracy=self._read_scores("own"),
            naive_accuracy=self._read_scores("naive"),
            **arrays,
        )
        return series, _outcome(document["outcome"])

    def write_problem(self, code: str, detail: str) -> None:
        (self.folder / "problem.json").write_text(json.dumps({"code": code, "detail": detail}), encoding="utf-8")

    def read_problem(self) -> dict[str, str] | None:
        path = self.folder / "problem.json"
        if not path.exists():
            return None
        problem: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return problem

    def _read_scores(self, prefix: str) -> SeriesAccuracy | None:
        path = self.folder / f"{prefix}.npy"
        if not path.exists():
            return None
        return SeriesAccuracy(**dict(zip(_SCORES, np.load(path), strict=True)))


def _outcome(stored: dict[str, Any]) -> RunOutcome:
    days = {name: date.fromisoformat(stored[name]) for name in ("history_start", "history_end")}
    return RunOutcome(**{**stored, **days, "model_names": tuple(stored["model_names"])})
