"""Sales and stock over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from shared.testing.conformance import assert_problem

ImportFile = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def sold(import_file: ImportFile) -> list[tuple[str, str, str]]:
    """(sku, warehouse, date), in the order of the list."""
    keys = [
        (f"P{i}", warehouse, f"2024-{month:02}-28") for i in range(3) for warehouse in ("E", "W") for month in (1, 2, 3)
    ]
    rows = "".join(f"{sku},{warehouse},{day},2\n" for sku, warehouse, day in keys)
    await import_file("sales", "sku,warehouse,date,quantity\n" + rows)
    return keys


async def listed(client: httpx.AsyncClient, path: str = "sales", **params: Any) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    cursor = None
    while True:
        page = (await client.get(f"/v1/{path}", params={**params, **({"cursor": cursor} if cursor else {})})).json()
        found += [(item["sku"], item["warehouse"], item.get("date")) for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_sales_are_listed_page_by_page_without_gap_or_repeat(
    client: httpx.AsyncClient, sold: list[tuple[str, str, str]]
) -> None:
    assert await listed(client, limit=4) == sold


async def test_sales_are_filtered_by_article_warehouse_and_half_open_period(
    client: httpx.AsyncClient, sold: list[tuple[str, str, str]]
) -> None:
    assert await listed(client, sku="P1") == [key for key in sold if key[0] == "P1"]
    assert await listed(client, warehouse="W", limit=2) == [key for key in sold if key[1] == "W"]
    within = await listed(client, start="2024-01-28", end="2024-02-28")
    assert within == [key for key in sold if key[2] == "2024-01-28"]
    assert await listed(client, sku="none") == []


async def test_stock_is_listed_page_by_page_and_filtered(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    keys = [(f"P{i}", warehouse) for i in range(4) for warehouse in ("E", "W")]
    await import_file("stock", "sku,warehouse,on_hand\n" + "".join(f"{sku},{code},1\n" for sku, code in keys))
    assert [found[:2] for found in await listed(client, "stock", limit=3)] == keys
    assert [found[:2] for found in await listed(client, "stock", sku="P2", warehouse="W")] == [("P2", "W")]


@pytest.mark.parametrize("params", [{"start": "yesterday"}, {"end": "2024-02-30"}, {"sku": "x" * 101}])
async def test_wrong_filters_are_refused(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    problem = assert_problem(await client.get("/v1/sales", params=params), 422, "invalid_request")
    assert problem["errors"][0]["parameter"] in params
