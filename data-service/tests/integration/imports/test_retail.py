"""The real files: 1,000 articles, 1.4 million rows of sales."""

import csv
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


async def test_all_five_retail_files_are_imported_without_losing_a_row_and_again_without_changing_one(
    import_file: Callable[..., Any], client: httpx.AsyncClient
) -> None:
    for kind, name in FILES.items():
        finished = await import_file(kind, (RETAIL / name).read_bytes(), filename=name)
        assert finished["counts"] == {
            "read": ROWS[kind],
            "applied": ROWS[kind],
            "unchanged": 0,
            "cleaned": 0,
            "quarantined": 0,
        }

    demand = pa.ipc.open_stream((await client.get("/v1/demand")).content).read_all()
    assert demand.num_rows == ROWS["sales"]
    assert pc.sum(demand["quantity"]).as_py() == UNITS
    inputs = pa.ipc.open_stream((await client.get("/v1/planning-inputs")).content).read_all()
    assert inputs.num_rows == ROWS["products"]
    assert pc.sum(inputs["on_order"]).as_py() == open_units()

    for kind, name in FILES.items():
        again = await import_file(kind, (RETAIL / name).read_bytes())
        assert again["counts"]["unchanged"] == ROWS[kind]


def open_units() -> float:
    """What the file itself says is on order."""
    with (RETAIL / FILES["purchase-orders"]).open(encoding="utf-8") as file:
        return sum(
            max(0.0, float(row["quantity"]) - float(row["received_quantity"] or 0)) for row in csv.DictReader(file)
        )
