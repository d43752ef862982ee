"""From a proposal to an approved purchase order, with everything that can go wrong on the way."""

from uuid import uuid4

import pytest

from shared.testing.conformance import assert_problem
from shared.web.identity import HEADER

URL = "/v1/recommendations/approvals"


@pytest.fixture
async def lines(company, run_stored, client):
    await run_stored()
    items = (await client.get("/v1/recommendations")).json()["items"]
    return {item["sku"]: item for item in items}


async def approve(client, *ids, **more):
    answer = await client.post(URL, json={"recommendation_ids": list(ids)}, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def status_of(client, line) -> str:
    return (await client.get(f"/v1/recommendations/{line['id']}")).json()["status"]


async def test_lines_become_one_approved_order_per_supplier_on_the_callers_behalf(lines, client, company) -> None:
    result = await approve(client, lines["A0"]["id"], lines["B0"]["id"])
    assert sorted(result["approved"]) == sorted([lines["A0"]["id"], lines["B0"]["id"]])
    assert [order["supplier"] for order in result["purchase_orders"]] == ["S1", "S2"]
    assert result["purchase_orders"][0]["value"] == lines["A0"]["line_value"]
    assert {order["status"] for order in company.orders.values()} == {"approved"}
    ordered = {line["sku"]: line for order in company.orders.values() for line in order["lines"]}
    assert float(ordered["A0"]["quantity"]) == lines["A0"]["quantity"]
    assert ordered["A0"]["plan_line_id"] == lines["A0"]["id"]
    assert company.acting_for == [client.headers[HEADER]] * 2
    line = (await client.get(f"/v1/recommendations/{lines['A0']['id']}")).json()
    assert (line["status"], line["purchase_order_number"]) == ("approved", result["purchase_orders"][0]["number"])


async def test_everything_of_a_supplier_can_be_approved_at_once(lines, client, company) -> None:
    answer = await client.post(URL, json={"plan_id": lines["A0"]["plan_id"], "supplier": "S1"})
    result = answer.json()
    assert result["approved"] == [lines["A0"]["id"]]
    assert [skipped["id"] for skipped in result["skipped"]] == [lines["C0"]["id"]]
    assert "stock_negative" in result["skipped"][0]["reason"]


async def test_a_new_plan_counts_what_was_approved_as_on_order(lines, client, run_stored) -> None:
    await approve(client, lines["A0"]["id"])
    await run_stored()
    again = (await client.get("/v1/recommendations", params={"sku": "A0"})).json()["items"][0]
    assert again["on_order"] == lines["A0"]["quantity"]
    assert (again["quantity"], again["status"]) == (0, "not_needed")


async def test_a_repeat_makes_no_second_order(lines, client, company) -> None:
    first = await approve(client, lines["A0"]["id"], headers={"Idempotency-Key": "k1"})
    same_key = await approve(client, lines["A0"]["id"], headers={"Idempotency-Key": "k1"})
    other_key = await approve(client, lines["A0"]["id"], headers={"Idempotency-Key": "k2"})
    without = await approve(client, lines["A0"]["id"])
    assert first == same_key
    for answer in (other_key, without):
        assert answer["approved"] == first["approved"]
        assert answer["purchase_orders"] == first["purchase_orders"]
    assert len(company.orders) == 1
    reused = await client.post(URL, json={"recommendation_ids": [lines["B0"]["id"]]}, headers={"Idempotency-Key": "k1"})
    assert_problem(reused, 409, "idempotency_key_reused")


async def test_one_supplier_failing_does_not_stop_the_others(lines, client, company) -> None:
    company.outages = 3
    result = await approve(client, lines["A0"]["id"], lines["B0"]["id"], headers={"Idempotency-Key": "k"})
    assert result["approved"] == [lines["B0"]["id"]]
    assert result["skipped"][0]["id"] == lines["A0"]["id"]
    assert "restarting" in result["skipped"][0]["reason"]
    assert await status_of(client, lines["A0"]) == "proposed"
    again = await approve(client, lines["A0"]["id"], lines["B0"]["id"], headers={"Idempotency-Key": "k"})
    assert sorted(again["approved"]) == sorted([lines["A0"]["id"], lines["B0"]["id"]])
    assert len(company.orders) == 2


async def test_a_draft_whose_approval_is_refused_is_kept_and_approved_later(lines, client, company) -> None:
    company.refuse_approval = True
    refused = await approve(client, lines["A0"]["id"])
    assert refused["approved"] == []
    assert "PO-1" in refused["skipped"][0]["reason"]
    assert "ask a manager" in refused["skipped"][0]["reason"]
    assert await status_of(client, lines["A0"]) == "drafted"
    company.refuse_approval = False
    later = await approve(client, lines["A0"]["id"])
    assert [order["number"] for order in later["purchase_orders"]] == ["PO-1"]
    assert len(company.orders) == 1
    assert await status_of(client, lines["A0"]) == "approved"


async def test_lines_of_an_older_plan_are_not_ordered(lines, client, run_stored, company) -> None:
    await run_stored()
    result = await approve(client, lines["A0"]["id"])
    assert "newer plan" in result["skipped"][0]["reason"]
    assert not company.orders


async def test_rejected_and_unknown_lines_are_skipped(lines, client, company) -> None:
    await client.post(f"/v1/recommendations/{lines['A0']['id']}/rejection", json={"reason": "no"})
    unknown = str(uuid4())
    result = await approve(client, lines["A0"]["id"], unknown)
    assert {skipped["id"] for skipped in result["skipped"]} == {lines["A0"]["id"], unknown}
    assert not company.orders


async def test_a_line_ordered_elsewhere_is_not_ordered_twice(lines, client, company) -> None:
    """Another instance made the order and died before it could note so."""
    company.orders["x"] = {
        "id": "x",
        "status": "approved",
        "warehouse": "MAIN",
        "lines": [{"sku": "A0", "quantity": "1", "unit_cost": "1", "plan_line_id": lines["A0"]["id"]}],
    }
    result = await approve(client, lines["A0"]["id"])
    assert "ordered already" in result["skipped"][0]["reason"]
    assert len(company.orders) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"recommendation_ids": []},
        {"plan_id": str(uuid4())},
        {"supplier": "S1"},
        {"recommendation_ids": [str(uuid4())], "plan_id": str(uuid4()), "supplier": "S1"},
        {"recommendation_ids": ["no-id"]},
        {"recommendation_ids": [str(uuid4())], "quantity": 5},
    ],
)
async def test_a_request_that_names_nothing_clear_is_refused(client, body) -> None:
    assert_problem(await client.post(URL, json=body), 422, "invalid_request")


async def test_an_unknown_plan_and_a_supplier_without_lines_are_told(lines, client) -> None:
    unknown = await client.post(URL, json={"plan_id": str(uuid4()), "supplier": "S1"})
    assert_problem(unknown, 404, "plan_not_found")
    empty = await client.post(URL, json={"plan_id": lines["A0"]["plan_id"], "supplier": "S9"})
    assert_problem(empty, 422, "nothing_to_approve")


@pytest.mark.parametrize("role", ["ops", "service"])
async def test_only_people_who_buy_may_approve(client, as_role, role) -> None:
    body = {"recommendation_ids": [str(uuid4())]}
    assert_problem(await client.post(URL, json=body, headers=as_role(role)), 403, "forbidden")
