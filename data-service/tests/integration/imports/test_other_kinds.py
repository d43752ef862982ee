"""Products, suppliers, stock and purchase orders from files."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

ImportFile = Callable[..., Awaitable[dict[str, Any]]]
Quarantine = Callable[[dict[str, Any]], Awaitable[list[dict[str, Any]]]]
Events = Callable[[], Awaitable[list[dict[str, Any]]]]

PRODUCTS = """sku,name,category,supplier,unit,pack_size,moq,cost,price
P1,Apple,Fruit,S1,kg,6,12,1.5,2.5
P2,Pear,Fruit,,pcs,,,,
"""
SUPPLIERS = """supplier,name,lead_time_days,min_order_value,currency,order_weekdays
S1,Orchard,3,250.0,EUR,"Mon,Thu"
S2,Grower,7,0,USD,
"""
ORDERS = """order_number,supplier,sku,quantity,ordered_on,expected_on,received_on,received_quantity
A1,S1,P1,12,2024-01-01,2024-01-04,2024-01-05,12
A2,S1,P1,24,2024-02-01,2024-02-04,,0
A3,S1,P1,10,2024-02-01,2024-02-04,2024-02-06,4
A3,S1,P2,5,2024-02-01,2024-02-04,2024-02-06,
"""


async def counts(finished: dict[str, Any]) -> tuple[int, int, int, int, int]:
    return tuple(finished["counts"].values())


async def get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_products_bring_their_supplier_and_terms(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    finished = await import_file("products", PRODUCTS)
    assert await counts(finished) == (2, 2, 0, 0, 0)
    assert finished["rules"] == {"supplier_created": 1}
    product = await get(client, "/v1/products/P1")
    assert {name: product[name] for name in ("name", "category", "unit", "supplier", "price", "is_declared")} == {
        "name": "Apple", "category": "Fruit", "unit": "kg", "supplier": "S1", "price": "2.5000", "is_declared": True,
    }  # fmt: skip
    assert [float(product[name]) for name in ("pack_size", "moq", "cost")] == [6, 12, 1.5]
    assert (await get(client, "/v1/suppliers/S1"))["is_declared"] is False
    assert (await get(client, "/v1/products/P2"))["supplier"] is None


async def test_the_same_products_again_change_nothing(import_file: ImportFile) -> None:
    await import_file("products", PRODUCTS)
    assert await counts(await import_file("products", PRODUCTS)) == (2, 0, 2, 0, 0)


async def test_columns_a_later_file_lacks_or_leaves_empty_keep_their_values(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("products", PRODUCTS)
    finished = await import_file("products", "sku,price,category\nP1,3,\nP2,,\n")
    assert await counts(finished) == (2, 1, 1, 0, 0)
    product = await get(client, "/v1/products/P1")
    assert (product["price"], product["category"], product["supplier"], float(product["pack_size"])) == ("3.0000", "Fruit", "S1", 6)  # fmt: skip


async def test_the_last_row_of_an_article_in_a_file_wins(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    finished = await import_file("products", "sku,name\nP1,Old\nP1,New\nP1,New\n")
    assert await counts(finished) == (3, 1, 0, 2, 0)
    assert finished["rules"] == {"exact_duplicate": 1, "superseded_in_file": 1}
    assert (await get(client, "/v1/products/P1"))["name"] == "New"


async def test_a_change_of_supplier_moves_the_preference_and_keeps_the_old_terms_aside(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("products", "sku,supplier,cost\nP1,S1,5\n")
    assert await counts(await import_file("products", "sku,supplier,cost\nP1,S2,4\n")) == (1, 1, 0, 0, 0)
    assert (await get(client, "/v1/products/P1"))["supplier"] == "S2"
    assert await counts(await import_file("products", "sku,supplier\nP1,S1\n")) == (1, 1, 0, 0, 0)
    product = await get(client, "/v1/products/P1")
    assert (product["supplier"], float(product["cost"])) == ("S1", 5)


async def test_terms_noted_before_the_supplier_was_known_become_the_suppliers(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("products", "sku,cost,pack_size\nP1,5,3\n")
    await import_file("products", "sku,supplier\nP1,S1\n")
    product = await get(client, "/v1/products/P1")
    assert (product["supplier"], float(product["cost"]), float(product["pack_size"])) == ("S1", 5, 3)


async def test_articles_of_unknown_suppliers_are_quarantined_once_suppliers_were_loaded(
    import_file: ImportFile, quarantine: Quarantine
) -> None:
    await import_file("suppliers", SUPPLIERS)
    finished = await import_file("products", "sku,supplier\nP1,S1\nP2,S9\nP3,\n")
    assert await counts(finished) == (3, 2, 0, 0, 1)
    assert [(row["line"], row["column"], row["value"], row["rule"]) for row in await quarantine(finished)] == [
        (3, "supplier", "S9", "unknown_supplier")
    ]


async def test_suppliers_are_stored_with_their_calendar(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    await import_file("products", "sku,supplier\nP1,S1\n")
    assert await counts(await import_file("suppliers", SUPPLIERS)) == (2, 2, 0, 0, 0)
    assert await counts(await import_file("suppliers", SUPPLIERS)) == (2, 0, 2, 0, 0)
    supplier = await get(client, "/v1/suppliers/S1")
    assert (supplier["name"], supplier["lead_time_days"], supplier["order_weekdays"]) == ("Orchard", 3, [1, 4])
    assert (supplier["currency"], supplier["min_order_value"], supplier["is_declared"]) == ("EUR", "250.0000", True)
    assert (await get(client, "/v1/suppliers/S2"))["order_weekdays"] == []


async def test_the_newest_count_becomes_the_level_and_an_older_file_does_not_undo_it(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    finished = await import_file(
        "stock", "date,sku,on_hand,reserved\n2024-01-02,P1,5,1\n2024-01-01,P1,9,0\n2024-01-02,P1,7,2\n"
    )
    assert await counts(finished) == (3, 2, 0, 1, 0)
    (level,) = (await get(client, "/v1/stock"))["items"]
    assert (level["on_hand"], level["reserved"], level["counted_on"]) == (7, 2, "2024-01-02")
    older = await import_file("stock", "date,sku,on_hand\n2023-12-31,P1,100\n")
    assert await counts(older) == (1, 1, 0, 0, 0)
    assert (await get(client, "/v1/stock"))["items"] == [level]


async def test_stock_without_dates_tells_of_today_and_below_zero_is_kept_and_counted(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    finished = await import_file("stock", "артикул;остаток;склад\nP1;-3;Юг\n")
    assert finished["rules"]["negative_stock"] == 1
    (level,) = (await get(client, "/v1/stock"))["items"]
    assert (level["warehouse"], level["on_hand"], level["counted_on"]) == ("Юг", -3, f"{datetime.now(UTC):%Y-%m-%d}")


async def test_changed_stock_is_announced_in_batches_and_unchanged_stock_is_not(
    import_file: ImportFile, events: Events
) -> None:
    rows = "".join(f"2024-01-01,P{i:05},{i}\n" for i in range(1500))
    await import_file("stock", "date,sku,on_hand\n" + rows)
    await import_file("stock", "date,sku,on_hand\n" + rows)
    changed = [event["data"]["levels"] for event in await events() if event["type"] == "data.stock.changed.v1"]
    assert [len(levels) for levels in changed] == [1000, 500]
    assert changed[1][-1] == {"sku": "P01499", "warehouse": "MAIN", "on_hand": 1499.0, "reserved": 0.0}


@pytest.fixture
async def orders(client: httpx.AsyncClient, import_file: ImportFile) -> list[dict[str, Any]]:
    await import_file("suppliers", SUPPLIERS)
    await import_file("products", PRODUCTS)
    assert await counts(await import_file("purchase-orders", ORDERS)) == (4, 4, 0, 0, 0)
    return sorted((await get(client, "/v1/purchase-orders"))["items"], key=lambda order: order["number"])


async def test_orders_take_their_status_from_what_arrived(
    client: httpx.AsyncClient, orders: list[dict[str, Any]]
) -> None:
    assert [(order["number"], order["status"], order["line_count"]) for order in orders] == [
        ("A1", "received", 1),
        ("A2", "ordered", 1),
        ("A3", "partly_received", 2),
    ]
    assert [(order["currency"], float(order["value"])) for order in orders] == [("EUR", 18), ("EUR", 36), ("EUR", 15)]
    lines = (await get(client, f"/v1/purchase-orders/{orders[2]['id']}"))["lines"]
    assert [(line["sku"], float(line["open_quantity"]), line["received_on"]) for line in lines] == [
        ("P1", 6, "2024-02-06"),
        ("P2", 0, "2024-02-06"),
    ]


async def test_the_same_orders_again_change_nothing_and_a_late_receipt_updates_one(
    client: httpx.AsyncClient, import_file: ImportFile, orders: list[dict[str, Any]]
) -> None:
    assert await counts(await import_file("purchase-orders", ORDERS)) == (4, 0, 4, 0, 0)
    arrived = ORDERS.replace("A2,S1,P1,24,2024-02-01,2024-02-04,,0", "A2,S1,P1,24,2024-02-01,2024-02-04,2024-02-09,24")
    assert await counts(await import_file("purchase-orders", arrived)) == (4, 1, 3, 0, 0)
    assert (await get(client, f"/v1/purchase-orders/{orders[1]['id']}"))["status"] == "received"


async def test_an_order_belongs_to_one_supplier(
    import_file: ImportFile, quarantine: Quarantine, orders: list[dict[str, Any]]
) -> None:
    head = ORDERS.splitlines()[0]
    finished = await import_file(
        "purchase-orders", f"{head}\nA2,S2,P1,1,2024-02-01,,,\nA9,S1,P1,1,2024-02-01,,,\nA9,S2,P2,1,2024-02-01,,,\nA9,S7,P2,1,2024-02-01,,,\n"
    )  # fmt: skip
    assert await counts(finished) == (4, 1, 0, 0, 3)
    assert [(row["line"], row["rule"]) for row in await quarantine(finished)] == [
        (2, "supplier_mismatch"),
        (4, "supplier_mismatch"),
        (5, "unknown_supplier"),
    ]


async def test_a_cancelled_order_stays_cancelled_when_its_file_comes_again(
    client: httpx.AsyncClient, import_file: ImportFile, orders: list[dict[str, Any]]
) -> None:
    await client.post(f"/v1/purchase-orders/{orders[1]['id']}/cancellation")
    finished = await import_file("purchase-orders", ORDERS.replace("A2,S1,P1,24", "A2,S1,P1,99"))
    assert await counts(finished) == (4, 0, 4, 0, 0)
    assert (await get(client, f"/v1/purchase-orders/{orders[1]['id']}"))["status"] == "cancelled"
