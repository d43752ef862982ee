"""The catalogue over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from shared.testing.conformance import assert_problem

ImportFile = Callable[..., Awaitable[dict[str, Any]]]


async def pages(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = (await client.get(path, params={**params, **({"cursor": cursor} if cursor else {})})).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


async def test_an_article_can_be_created_and_read_back(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    await import_file("suppliers", "supplier\nS1\n")
    body = {"sku": "А/1 б", "name": "Яблоко", "supplier": "S1", "pack_size": "6", "cost": "1.25", "price": 2}
    created = await client.post("/v1/products", json=body)
    assert created.status_code == 201, created.text
    assert (await client.get("/v1/products/А/1 б")).json() == created.json()
    assert created.json()["supplier"] == "S1"
    assert float(created.json()["cost"]) == 1.25


async def test_articles_are_listed_by_code_page_by_page_and_filtered(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    rows = "".join(f"P{i:03},C{i % 2},S{i % 3}\n" for i in range(25))
    await import_file("products", "sku,category,supplier\n" + rows)
    skus = [f"P{i:03}" for i in range(25)]
    assert [item["sku"] for item in await pages(client, "/v1/products", limit=7)] == skus
    assert [item["sku"] for item in await pages(client, "/v1/products", limit=3, category="C1")] == skus[1::2]
    assert [item["sku"] for item in await pages(client, "/v1/products", supplier="S2")] == skus[2::3]
    assert [item["sku"] for item in await pages(client, "/v1/products", sku_prefix="P01")] == skus[10:20]
    assert await pages(client, "/v1/products", sku_prefix="P_1") == []


async def test_suppliers_and_warehouses_are_listed_page_by_page(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("suppliers", "supplier\n" + "".join(f"S{i}\n" for i in range(5)))
    await import_file("stock", "sku,on_hand,warehouse\n" + "".join(f"P1,1,W{i}\n" for i in range(5)))
    assert [item["code"] for item in await pages(client, "/v1/suppliers", limit=2)] == [f"S{i}" for i in range(5)]
    assert [item["code"] for item in await pages(client, "/v1/warehouses", limit=2)] == [f"W{i}" for i in range(5)]


async def test_a_code_is_taken_once(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/products", json={"sku": "P1"})).status_code == 201
    assert_problem(await client.post("/v1/products", json={"sku": "P1"}), 409, "sku_taken")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"sku": ""}, "invalid_request"),
        ({"sku": "   "}, "invalid_request"),
        ({"sku": "a\u0000b"}, "invalid_request"),
        ({"sku": "x" * 101}, "invalid_request"),
        ({"sku": "P1", "price": -1}, "invalid_request"),
        ({"sku": "P1", "price": "NaN"}, "invalid_request"),
        ({"sku": "P1", "price": 1e30}, "invalid_request"),
        ({"sku": "P1", "pack_size": 0}, "invalid_request"),
        ({"sku": "P1", "lead_time_days": -1}, "invalid_request"),
        ({"sku": "P1", "currency": "euro"}, "invalid_request"),
        ({"sku": "P1", "life_cycle": "dead"}, "invalid_request"),
        ({"sku": "P1", "colour": "red"}, "invalid_request"),
        ({"sku": "P1", "supplier": "S9"}, "unknown_supplier"),
    ],
)
async def test_a_wrong_article_is_refused_and_not_stored(client: httpx.AsyncClient, body: Any, code: str) -> None:
    problem = assert_problem(await client.post("/v1/products", json=body), 422, code)
    assert problem["errors"]
    assert (await client.get("/v1/products")).json()["items"] == []


async def test_only_editors_create_articles(client: httpx.AsyncClient, as_role: Callable[..., Any]) -> None:
    assert_problem(await client.post("/v1/products", json={"sku": "P1"}, headers=as_role("ops")), 403, "forbidden")


@pytest.mark.parametrize(
    ("path", "code"), [("products/none", "product_not_found"), ("suppliers/none", "supplier_not_found")]
)
async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient, path: str, code: str) -> None:
    assert_problem(await client.get(f"/v1/{path}"), 404, code)


@pytest.mark.parametrize("path", ["products?category=a%00b", "products?supplier=%00", "products?sku_prefix=%0a", "sales?sku=%00", "stock?warehouse=%00", "products/a%00b"])  # fmt: skip
async def test_control_characters_in_filters_are_refused(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(f"/v1/{path}"), 422, "invalid_request")
