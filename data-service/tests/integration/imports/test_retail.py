"""The real files: 1,000 articles, 1.4 million rows of sales."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pytest

RETAIL = Path(__file__).resolve().parents[5] / "shared" / "data" / "retail"
FILES = {
    "sales": "sales.csv.gz",
    "products": "products.csv",
    "suppliers": "suppliers.csv",
    "stock": "stock.csv",
    "purchase-orders": "purchase_orders.csv",
}
ROWS = {"sales": 1_412_625, "products": 1000, "suppliers": 14, "stock": 1000, "purchase-orders": 7425}
UNITS = 3_829_776

pytestmark = [
    pytest.mark.skipif(not RETAIL.is_dir(), reason=f"the retail files are not there: {RETAIL}"),
    pytest.mark.timeout(600),
]


async def test_all_five_retail_files_are_imported_without_losing_a_row(
    import_file: Callable[..., Any], client: httpx.AsyncClient
) -> None:
    began = time.perf_counter()
    for kind, name in FILES.items():
        finished = await import_file(kind, (RETAIL / name).read_bytes(), filename=name)
        assert finished["status"] == "completed", finished
        assert finished["counts"] == {
            "read": ROWS[kind],
            "applied": ROWS[kind],
            "unchanged": 0,
            "cleaned": 0,
            "quarantined": 0,
        }
        print(kind, finished["rules"], finished["period_start"], round(time.perf_counter() - began, 1))
    assert time.perf_counter() - began < 60

    began = time.perf_counter()
    answer = await client.get("/v1/demand")
    demand = pa.ipc.open_stream(answer.content).read_all()
    print("demand", demand.num_rows, time.perf_counter() - began)
    assert demand.num_rows == ROWS["sales"]
    assert pc.sum(demand["quantity"]).as_py() == UNITS
    began = time.perf_counter()
    inputs = pa.ipc.open_stream((await client.get("/v1/planning-inputs")).content).read_all()
    print("inputs", inputs.num_rows, time.perf_counter() - began, inputs.slice(0,2).to_pylist())

    for kind, name in FILES.items():
        again = await import_file(kind, (RETAIL / name).read_bytes())
        assert again["counts"]["unchanged"] == ROWS[kind], again
        print(kind, again["rules"], round(time.perf_counter() - began, 1))
