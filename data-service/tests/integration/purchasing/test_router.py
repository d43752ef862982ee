"""Purchase orders over HTTP, from draft to receipt."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pyarrow as pa
import pytest

from shared.testing.conformance import assert_problem

ImportFile = Callable[..., Awaitable[dict[str, Any]]]
Events = Callable[[], Awaitable[list[dict[str, Any]]]]
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture(autouse=True)
async def catalogue(import_file: ImportFile) -> None:
    await import_file("suppliers", "supplier,name,currency\nS1,Orchard,USD\nS2,Grower,\n")
    await import_file("products", "sku,name,supplier,cost\nP1,Apple,S1,2.5\nP2,Pear,S1,4\nP3,Plum,S2,\n")
    await import_file("stock", "date,sku,on_hand\n2024-01-01,P1,10\n2024-01-01,P2,0\n")


def draft(*lines: tuple[str, float], **fields: Any) -> dict[str, Any]:
    return {"supplier": "S1", "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], **fields}


async def post(client: httpx.AsyncClient, path: str = "", json: Any = None, **options: Any) -> httpx.Response:
    return await client.post(f"/v1/purchase-orders{path}", json=json, **options)


async def created(client: httpx.AsyncClient, *lines: tuple[str, float], **fields: Any) -> dict[str, Any]:
    answer = await post(client, json=draft(*(lines or (("P1", 10), ("P2", 5))), **fields))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def acted(client: httpx.AsyncClient, order: dict[str, Any], action: str, json: Any = None) -> dict[str, Any]:
    answer = await post(client, f"/{order['id']}/{action}", json)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def on_order(client: httpx.AsyncClient, sku: str) -> float:
    inputs = pa.ipc.open_stream((await client.get("/v1/planning-inputs")).content).read_all().to_pylist()
    return next(row["on_order"] for row in inputs if row["sku"] == sku)


async def test_a_draft_takes_costs_and_currency_from_the_suppliers_terms(client: httpx.AsyncClient) -> None:
    order = await created(client, expected_on="2030-01-01")
    assert (order["status"], order["currency"], order["warehouse"], order["expected_on"]) == ("draft", "USD", "MAIN", "2030-01-01")  # fmt: skip
    assert float(order["value"]) == 45
    assert [(line["sku"], float(line["unit_cost"])) for line in order["lines"]] == [("P1", 2.5), ("P2", 4)]
    assert (await client.get(f"/v1/purchase-orders/{order['id']}")).json() == order


async def test_an_order_goes_from_draft_to_received_and_moves_stock(client: httpx.AsyncClient, events: Events) -> None:
    before = len(await events())
    order = await created(client)
    assert await on_order(client, "P1") == 0
    assert (await acted(client, order, "approval"))["status"] == "approved"
    assert await on_order(client, "P1") == 10
    placed = await acted(client, order, "placement")
    assert (placed["status"], placed["ordered_on"]) == ("ordered", TODAY)
    partly = await acted(client, order, "receipts", {"lines": [{"sku": "P1", "quantity": 4}]})
    assert partly["status"] == "partly_received"
    assert await on_order(client, "P1") == 6
    whole = await acted(
        client, order, "receipts", {"lines": [{"sku": "P1", "quantity": 6}, {"sku": "P2", "quantity": 5}]}
    )
    assert whole["status"] == "received"
    assert [line["received_on"] for line in whole["lines"]] == [TODAY, TODAY]
    assert await on_order(client, "P1") == 0
    stock = (await client.get("/v1/stock")).json()["items"]
    assert [(level["sku"], level["on_hand"]) for level in stock] == [("P1", 20), ("P2", 5)]
    published = (await events())[before:]
    assert [event["type"].removeprefix("data.") for event in published] == [
        "purchase-order.created.v1",
        "purchase-order.approved.v1",
        "purchase-order.ordered.v1",
        "stock.changed.v1",
        "purchase-order.received.v1",
        "stock.changed.v1",
        "purchase-order.received.v1",
    ]
    assert [event["data"]["complete"] for event in published if "received" in event["type"]] == [False, True]
    assert {event["subject"] for event in published if "order" in event["type"]} == {order["id"]}


async def test_a_cancelled_order_no_longer_counts_and_frees_its_plan_lines(
    client: httpx.AsyncClient, events: Events
) -> None:
    lines = [{"sku": "P1", "quantity": 3, "plan_line_id": str(uuid4())}]
    order = await created(client, lines=lines)
    await acted(client, order, "approval")
    assert_problem(await post(client, json=draft(lines=lines)), 409, "plan_line_already_ordered")
    cancelled = await acted(client, order, "cancellation", {"reason": "too dear"})
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("cancelled", "too dear")
    assert await on_order(client, "P1") == 0
    assert (await post(client, json=draft(lines=lines))).status_code == 201
    assert (await events())[-2]["data"]["reason"] == "too dear"


async def test_the_same_key_gives_the_same_order_and_another_body_is_refused(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = await post(client, json=draft(("P1", 1)), headers=key)
    again = await post(client, json=draft(("P1", 1)), headers=key)
    assert first.json() == again.json()
    assert_problem(await post(client, json=draft(("P1", 2)), headers=key), 409, "idempotency_key_reused")
    assert len((await client.get("/v1/purchase-orders")).json()["items"]) == 1


async def test_parallel_requests_with_one_key_make_one_order(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k-2"}
    answers = await asyncio.gather(*(post(client, json=draft(("P1", 1)), headers=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_repeated_receipt_with_one_key_moves_stock_once(client: httpx.AsyncClient) -> None:
    order = await created(client, ("P1", 10))
    await acted(client, order, "approval")
    body = {"lines": [{"sku": "P1", "quantity": 4}]}
    for _ in range(2):
        answer = await post(client, f"/{order['id']}/receipts", body, headers={"Idempotency-Key": "r-1"})
        assert answer.status_code == 200
    assert (await client.get("/v1/stock", params={"sku": "P1"})).json()["items"][0]["on_hand"] == 14


async def test_approving_placing_or_cancelling_twice_changes_nothing(client: httpx.AsyncClient, events: Events) -> None:
    order = await created(client)
    for action in ("approval", "placement", "cancellation"):
        once = await acted(client, order, action)
        count = len(await events())
        assert await acted(client, order, action) == once
        assert len(await events()) == count


@pytest.mark.parametrize(
    ("steps", "action"),
    [
        ([], "placement"),
        ([], "receipts"),
        (["cancellation"], "approval"),
        (["cancellation"], "receipts"),
        (["approval", "placement"], "approval"),
        (["approval", "placement", "receipts"], "cancellation"),
        (["approval", "receipts"], "receipts"),
    ],
)
async def test_an_action_out_of_turn_is_a_conflict(client: httpx.AsyncClient, steps: list[str], action: str) -> None:
    order = await created(client, ("P1", 10))
    everything = {"lines": [{"sku": "P1", "quantity": 10}]}
    for step in steps:
        await acted(client, order, step, everything if step == "receipts" else None)
    answer = await post(client, f"/{order['id']}/{action}", everything if action == "receipts" else None)
    assert_problem(answer, 409, "wrong_purchase_order_status")


async def test_buyers_approve_up_to_the_limit_and_managers_beyond(
    client: httpx.AsyncClient, as_role: Callable[..., Any]
) -> None:
    small, large = await created(client, ("P1", 2000)), await created(client, ("P1", 2001))
    assert (await post(client, f"/{small['id']}/approval", headers=as_role("buyer"))).status_code == 200
    refused = await post(client, f"/{large['id']}/approval", headers=as_role("buyer"))
    assert_problem(refused, 403, "approval_not_allowed")
    approved = await post(client, f"/{large['id']}/approval", headers=as_role("manager", subject="boss"))
    assert approved.json()["approved_by"] == "boss"


@pytest.mark.parametrize("role", ["ops", "service"])
async def test_others_neither_create_nor_approve(
    client: httpx.AsyncClient, as_role: Callable[..., Any], role: str
) -> None:
    order = await created(client)
    assert_problem(await post(client, json=draft(("P1", 1)), headers=as_role(role)), 403, "forbidden")
    assert_problem(await post(client, f"/{order['id']}/approval", headers=as_role(role)), 403, "forbidden")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        (draft(), "invalid_request"),
        (draft(("P1", 0)), "invalid_request"),
        (draft(("P1", -1)), "invalid_request"),
        (draft(("P1", 1e20)), "invalid_request"),
        (draft(("P1", 0.0001)), "invalid_request"),
        (draft(("P1", 1), expected_on="soon"), "invalid_request"),
        (draft(("P1", 1), currency="usd"), "invalid_request"),
        (draft(("P1", 1), colour="red"), "invalid_request"),
        (draft(("P1", 1), supplier="S9"), "unknown_supplier"),
        (draft(("P1", 1), warehouse="nowhere"), "unknown_warehouse"),
        (draft(("P9", 1)), "invalid_purchase_order_line"),
        (draft(("P1", 1), ("P1", 2)), "invalid_purchase_order_line"),
        (draft(("P3", 1)), "invalid_purchase_order_line"),
    ],
)
async def test_a_wrong_draft_is_refused_with_the_place_and_leaves_nothing(
    client: httpx.AsyncClient, body: Any, code: str
) -> None:
    problem = assert_problem(await post(client, json=body, headers={"Idempotency-Key": "x"}), 422, code)
    assert all(error["pointer"] for error in problem["errors"])
    assert (await client.get("/v1/purchase-orders")).json()["items"] == []
    assert (await post(client, json=draft(("P1", 1)), headers={"Idempotency-Key": "x"})).status_code == 201


async def test_goods_that_are_not_on_the_order_are_refused(client: httpx.AsyncClient) -> None:
    order = await created(client, ("P1", 10))
    await acted(client, order, "approval")
    for line in ({"sku": "P2", "quantity": 1}, {"sku": "P1", "quantity": 0}):
        answer = await post(client, f"/{order['id']}/receipts", {"lines": [line]})
        assert assert_problem(answer, 422)["errors"][0]["pointer"].startswith("/lines/0/")
    assert (await client.get("/v1/stock", params={"sku": "P1"})).json()["items"][0]["on_hand"] == 10


@pytest.mark.parametrize("action", ["approval", "placement", "cancellation"])
async def test_an_unknown_order_is_not_found(client: httpx.AsyncClient, action: str) -> None:
    assert_problem(await post(client, f"/{uuid4()}/{action}"), 404, "purchase_order_not_found")
    assert_problem(await client.get(f"/v1/purchase-orders/{uuid4()}"), 404, "purchase_order_not_found")
    assert_problem(await post(client, f"/nonsense/{action}"), 422, "invalid_request")


async def test_orders_are_listed_newest_first_and_filtered(client: httpx.AsyncClient) -> None:
    made = [await created(client, ("P1", i)) for i in range(1, 6)]
    await acted(client, made[0], "approval")
    page = (await client.get("/v1/purchase-orders", params={"limit": 3})).json()
    rest = (await client.get("/v1/purchase-orders", params={"limit": 3, "cursor": page["next_cursor"]})).json()
    assert [order["id"] for order in page["items"] + rest["items"]] == [order["id"] for order in reversed(made)]
    approved = (await client.get("/v1/purchase-orders", params={"status": ["approved", "ordered"]})).json()["items"]
    assert [order["id"] for order in approved] == [made[0]["id"]]
    assert (await client.get("/v1/purchase-orders", params={"supplier": "S2"})).json()["items"] == []
    assert_problem(await client.get("/v1/purchase-orders", params={"status": "lost"}), 422, "invalid_request")
