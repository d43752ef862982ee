"""Demand and planning inputs as Arrow."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import pyarrow as pa
import pytest

from data_service.demand.domain import DEMAND_SCHEMA, PLANNING_SCHEMA
from shared.testing.conformance import assert_problem

ImportFile = Callable[..., Awaitable[dict[str, Any]]]


async def table(client: httpx.AsyncClient, path: str, **params: Any) -> pa.Table:
    answer = await client.get(f"/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    return pa.ipc.open_stream(answer.content).read_all()


async def test_demand_is_ordered_by_code_warehouse_and_day_whatever_order_it_came_in(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("sales", "sku,warehouse,date,quantity,price\nB,W,2024-01-02,1,3\nB,E,2024-03-01,2,\n")
    await import_file("sales", "sku,warehouse,date,quantity,price\nA,W,2024-01-02,5,1\nB,W,2023-12-31,4,\n")
    found = await table(client, "demand")
    assert found.schema == DEMAND_SCHEMA
    assert [tuple(row.values())[:5] for row in found.to_pylist()] == [
        ("A", "W", date(2024, 1, 2), 5.0, 1.0),
        ("B", "E", date(2024, 3, 1), 2.0, None),
        ("B", "W", date(2023, 12, 31), 4.0, None),
        ("B", "W", date(2024, 1, 2), 1.0, 3.0),
    ]


async def test_demand_is_cut_to_a_half_open_period(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    await import_file("sales", "sku,date,quantity\n" + "".join(f"A,2024-01-{day:02},1\n" for day in range(1, 11)))
    found = await table(client, "demand", start="2024-01-03", end="2024-01-05")
    assert found["date"].to_pylist() == [date(2024, 1, 3), date(2024, 1, 4)]


async def test_availability_comes_from_daily_counts_and_is_unknown_without_them(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("sales", "sku,date,quantity\nA,2024-01-01,1\nA,2024-01-02,0\nA,2024-01-03,3\nA,2024-01-04,0\n")
    await import_file("stock", "sku,date,on_hand\nA,2024-01-01,5\nA,2024-01-02,0\nA,2024-01-03,0\n")
    assert (await table(client, "demand"))["availability"].to_pylist() == [1.0, 0.0, None, None]


async def test_many_articles_come_in_several_batches_without_loss(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    rows = [f"P{i:04},2024-01-{1 + day:02},{i}" for i in range(900) for day in range(28)]
    await import_file("sales", "sku,date,quantity\n" + "\n".join(reversed(rows)) + "\n")
    answer = await client.get("/v1/demand")
    reader = pa.ipc.open_stream(answer.content)
    batches = [batch for batch in reader if batch.num_rows]
    assert len(batches) > 1
    found = pa.Table.from_batches(batches)
    written = [f"{row['sku']},{row['date']},{row['quantity']:.0f}" for row in found.to_pylist()]
    assert written == rows


@pytest.mark.parametrize("path", ["demand", "planning-inputs"])
async def test_an_empty_database_gives_an_empty_stream(client: httpx.AsyncClient, path: str) -> None:
    found = await table(client, path)
    assert found.num_rows == 0
    assert found.schema == (DEMAND_SCHEMA if path == "demand" else PLANNING_SCHEMA)


async def test_planning_inputs_hold_what_is_known_of_an_article(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("suppliers", 'supplier,name,lead_time_days,min_order_value,currency,order_weekdays\nS1,Orchard,3,250,EUR,"Mon,Thu"\n')  # fmt: skip
    await import_file("products", "sku,name,category,supplier,unit,pack_size,moq,cost,price\nP1,Apple,Fruit,S1,kg,6,12,1.5,2.5\nP2,Pear,,,,,,,\n")  # fmt: skip
    await import_file("sales", "sku,date,quantity\nP1,2024-01-01,1\nP2,2024-01-01,1\n")
    await import_file("stock", "sku,date,on_hand,reserved\nP1,2024-01-02,7,2\n")
    await import_file(
        "purchase-orders",
        "order_number,supplier,sku,quantity,ordered_on,expected_on,received_on,received_quantity\n"
        "A,S1,P1,10,2024-01-01,2024-01-04,2024-01-03,10\n"
        "B,S1,P1,10,2024-01-01,2024-01-04,2024-01-07,10\n"
        "C,S1,P1,24,2024-02-01,2024-02-04,2024-02-05,4\n"
        "D,S1,P1,6,2024-01-20,2024-01-23,,\n",
    )
    first, second = (await table(client, "planning-inputs")).to_pylist()
    assert first == {
        "sku": "P1", "name": "Apple", "category": "Fruit", "supplier": "S1", "supplier_name": "Orchard",
        "warehouse": "MAIN", "unit": "kg", "pack_size": 6.0, "moq": 12.0, "cost": 1.5, "price": 2.5, "currency": "EUR",
        "lead_time_days": 3, "lead_time_mean_days": 4.0, "lead_time_sd_days": 2.0, "lead_time_receipts": 3,
        "min_order_value": 250.0, "order_weekdays": [1, 4], "on_hand": 7.0, "reserved": 2.0, "on_order": 26.0,
        "oldest_open_expected_on": date(2024, 1, 23), "stock_as_of": date(2024, 1, 2), "life_cycle": "active",
    }  # fmt: skip
    assert (second["sku"], second["supplier"], second["pack_size"], second["moq"]) == ("P2", None, 1.0, 0.0)
    assert (second["on_hand"], second["stock_as_of"], second["lead_time_receipts"]) == (0.0, None, 0)
    assert (second["order_weekdays"], second["cost"], second["oldest_open_expected_on"]) == ([], None, None)


async def test_a_period_that_ends_before_it_begins_is_refused(client: httpx.AsyncClient) -> None:
    params = {"start": "2024-01-02", "end": "2024-01-02"}
    assert_problem(await client.get("/v1/demand", params=params), 422, "invalid_period")
    assert_problem(await client.get("/v1/demand", params={"start": "x"}), 422, "invalid_request")
