"""What the catalogue tells others when it changes."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

ImportFile = Callable[..., Awaitable[dict[str, Any]]]
Events = Callable[[], Awaitable[list[dict[str, Any]]]]
TYPE = "data.product.changed.v1"


async def changes(events: Events) -> list[dict[str, Any]]:
    return [event["data"] for event in await events() if event["type"] == TYPE]


async def test_an_article_created_by_hand_is_named(client: httpx.AsyncClient, events: Events) -> None:
    await client.post("/v1/products", json={"sku": "P1"})
    assert await changes(events) == [{"parts": ["products"], "skus": ["P1"], "every_article": False}]


async def test_an_article_that_could_not_be_created_is_no_change(client: httpx.AsyncClient, events: Events) -> None:
    await client.post("/v1/products", json={"sku": "P1", "supplier": "nobody"})
    assert await changes(events) == []


async def test_an_import_names_only_what_it_changed(import_file: ImportFile, events: Events) -> None:
    await import_file("products", "sku,name\nP1,one\nP2,two\n")
    await import_file("products", "sku,name\nP1,one\nP2,other\nP3,three\n")
    await import_file("products", "sku,name\nP1,one\nP2,other\n")
    assert [change["skus"] for change in await changes(events)] == [["P1", "P2"], ["P2", "P3"]]


async def test_many_articles_are_not_named(import_file: ImportFile, events: Events) -> None:
    await import_file("products", "sku\n" + "".join(f"P{number}\n" for number in range(501)))
    assert await changes(events) == [{"parts": ["products"], "skus": [], "every_article": True}]


async def test_suppliers_are_a_change_of_the_catalogue_too(import_file: ImportFile, events: Events) -> None:
    await import_file("suppliers", "supplier\nS1\n")
    await import_file("suppliers", "supplier\nS1\n")
    assert await changes(events) == [{"parts": ["suppliers"], "skus": [], "every_article": False}]


async def test_what_an_import_of_something_else_creates_on_the_way_is_told(
    import_file: ImportFile, events: Events
) -> None:
    await import_file("stock", "sku,on_hand,warehouse\nP1,1,W1\nP2,1,W2\n")
    assert await changes(events) == [
        {"parts": ["products", "warehouses"], "skus": ["P1", "P2"], "every_article": False}
    ]
    await import_file("stock", "sku,on_hand,warehouse\nP1,2,W1\n")
    assert len(await changes(events)) == 1
