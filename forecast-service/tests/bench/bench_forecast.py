# ruff: noqa: T201 -- a bench prints
"""Seconds and memory of a whole forecast run per 1,000 articles, and of a plan of 150,000 lines.

python forecast-service/tests/bench/bench_forecast.py [ARTICLES] [--plan-lines N]

ARTICLES generated articles (default 1,000) of 730 days, and the retail file beside the repository when it is there. Each
run is the process a worker would start: reading the rows, backtest, choice, fit, forecast, quantiles, writing. The last
line is one JSON object: `forecast_seconds_per_1000_articles` and `forecast_peak_mb` of the generated articles, the same
with `retail_` in front and `retail_wape_28` against `retail_naive_wape_28` when the file is there, and
`plan_seconds_per_150000_lines`.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from forecast_service.forecasts.adapters.computation import numerical_environment
from forecast_service.forecasts.adapters.workspace import Workspace
from forecast_service.forecasts.domain.distribution import LEVELS, DemandDistribution, knots_of, normal_score
from forecast_service.forecasts.domain.result import RunOptions
from forecast_service.recommendations.domain.inputs import COLUMNS, read_inputs
from forecast_service.recommendations.domain.plan import ArticleDemand, make_plan
from forecast_service.recommendations.domain.policy import PlanPolicy

RETAIL = Path(__file__).resolve().parents[4] / "shared" / "data" / "retail" / "sales.csv.gz"
DAYS = 730
THREADS = 2
SCHEMA = pa.schema(
    [
        ("sku", pa.utf8()),
        ("warehouse", pa.utf8()),
        ("date", pa.date32()),
        ("quantity", pa.float64()),
        ("price", pa.float64()),
        ("availability", pa.float64()),
    ]
)


def generated(articles: int) -> Iterator[pa.RecordBatch]:
    """Half regular with weekly and yearly season and trend, half intermittent; every tenth begins late."""
    random = np.random.default_rng(1)
    days = np.arange(DAYS)
    first = (date(2024, 1, 1) - date(1970, 1, 1)).days
    for article in range(articles):
        rate = random.uniform(2, 30) if article % 2 else random.uniform(0.05, 0.8)
        season = 1 + 0.4 * np.sin(2 * np.pi * days / 7 + article) + 0.3 * np.sin(2 * np.pi * days / 365)
        sold = random.poisson(rate * season * (1 + 0.3 * days / DAYS))
        shown = days >= (0 if article % 10 else random.integers(0, 600))
        count = int(shown.sum())
        yield pa.record_batch(
            [
                pa.array([f"G{article:06}"] * count),
                pa.array(["MAIN"] * count),
                pa.array((first + days[shown]).astype(np.int32)).cast(pa.date32()),
                pa.array(sold[shown].astype(np.float64)),
                pa.array(np.full(count, 9.9)),
                pa.nulls(count, pa.float64()),
            ],
            schema=SCHEMA,
        )


def retail() -> Iterator[pa.RecordBatch]:
    types = {"sku": pa.utf8(), "date": pa.date32(), "quantity": pa.float64(), "price": pa.float64()}
    with gzip.open(RETAIL) as file:
        table = pc.read_csv(file, convert_options=pc.ConvertOptions(column_types=types))
    table = table.append_column("warehouse", pa.array(["MAIN"] * len(table)))
    table = table.append_column("availability", pa.nulls(len(table), pa.float64()))
    yield from table.select(SCHEMA.names).cast(SCHEMA).to_batches()


def run(batches: Iterator[pa.RecordBatch]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "run")
        workspace.create()
        with pa.OSFile(str(workspace.demand_path), "wb") as sink, pa.ipc.new_stream(sink, SCHEMA) as writer:
            for batch in batches:
                writer.write_batch(batch)
        workspace.write_options(RunOptions())
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "forecast_service.forecasts", str(workspace.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=numerical_environment(THREADS),
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit(f"the computing process ended with status {status}")
        _, outcome = workspace.read_result()
    return {
        "articles": outcome.articles,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "accuracy": outcome.accuracy,
        "models": outcome.models,
    }


def plan_seconds(lines: int) -> float:
    """Quantities, timing, explanations and replays, forecast given; without the database."""
    random = np.random.default_rng(2)
    rates = random.lognormal(0, 1.2, lines)
    days, scores = np.array(knots_of(28)), np.array([normal_score(level) for level in LEVELS])
    totals = rates[:, None] * days[None, :]
    sums = np.maximum(totals[:, :, None] + 1.3 * np.sqrt(totals)[:, :, None] * scores, 0)
    demand = ArticleDemand(
        DemandDistribution(np.repeat(rates[:, None], 28, axis=1), sums), rates, ["ets"] * lines, date(2026, 3, 1)
    )
    constant: dict[str, Any] = {
        "name": "Article",
        "category": "ALL",
        "warehouse": "MAIN",
        "unit": "pcs",
        "currency": "EUR",
        "life_cycle": "active",
        "min_order_value": 500.0,
        "lead_time_days": 9.0,
        "lead_time_mean_days": 9.5,
        "lead_time_sd_days": 2.0,
        "lead_time_receipts": 12.0,
        "reserved": 0.0,
        "stock_as_of": date(2026, 3, 1),
        "oldest_open_expected_on": date(2026, 3, 1) + timedelta(days=4),
    }
    suppliers = [f"S{number:03}" for number in random.integers(0, 200, lines)]
    columns: dict[str, Any] = {name: [value] * lines for name, value in constant.items()} | {
        "sku": [f"G{number:06}" for number in range(lines)],
        "supplier": suppliers,
        "supplier_name": suppliers,
        "pack_size": random.choice([1.0, 6.0, 24.0], lines),
        "moq": random.choice([0.0, 12.0], lines),
        "cost": random.uniform(1, 50, lines),
        "price": random.uniform(2, 90, lines),
        "on_hand": np.floor(rates * random.uniform(0, 25, lines)),
        "on_order": np.floor(rates * random.choice([0, 0, 10], lines)),
        "order_weekdays": [[2, 4]] * lines,
    }
    table = pa.table({name: columns[name] for name in COLUMNS})
    began = time.perf_counter()
    inputs = read_inputs(table.to_batches(), table.schema)
    count = sum(1 for _ in make_plan(inputs, demand, PlanPolicy()))
    assert count == lines
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", nargs="?", type=int, default=1000)
    parser.add_argument("--plan-lines", type=int, default=150_000)
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for prefix, batches in (("", generated(options.articles)), ("retail_", retail() if RETAIL.exists() else None)):
        if batches is None:
            print(f"No {RETAIL.name} beside the repository: only generated articles.")
            continue
        result = run(batches)
        print({name: value for name, value in result.items() if name != "accuracy"})
        print(result["accuracy"])
        figures[f"{prefix}forecast_seconds_per_1000_articles"] = round(result["seconds"] * 1000 / result["articles"], 1)
        figures[f"{prefix}forecast_cpu_seconds"] = round(result["cpu_seconds"], 1)
        figures[f"{prefix}forecast_peak_mb"] = round(result["peak_mb"])
        if prefix:
            figures["retail_wape_28"] = result["accuracy"]["wape_28"]
            figures["retail_naive_wape_28"] = result["accuracy"]["naive_wape_28"]
    seconds = plan_seconds(options.plan_lines)
    figures["plan_seconds_per_150000_lines"] = round(seconds * 150_000 / options.plan_lines, 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
