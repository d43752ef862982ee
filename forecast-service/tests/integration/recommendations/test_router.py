"""Plans and their lines as a buyer sees them."""

from uuid import uuid4

import pytest

from shared.testing.conformance import assert_problem


@pytest.fixture
async def plan(company, run_stored, client):
    run = await run_stored()
    return (await client.get(f"/v1/plans/{run['plan_id']}")).json()


async def lines_of(client, **params) -> dict:
    items = (await client.get("/v1/recommendations", params={"limit": 1000, **params})).json()["items"]
    return {item["sku"]: item for item in items}


async def test_the_list_holds_what_is_to_be_ordered_the_most_urgent_first(plan, client) -> None:
    items = (await client.get("/v1/recommendations")).json()["items"]
    assert {item["sku"] for item in items} == {"A0", "B0", "C0"}
    urgency = [item["urgency_value"] for item in items]
    assert urgency == sorted(urgency, reverse=True)
    assert items[0]["sku"] == "A0"
    assert all(item["quantity"] % 6 == 0 and item["quantity"] > 0 for item in items)
    assert plan["proposed"] == 2
    assert plan["blocked"] == 1
    assert plan["lines"] == 5


async def test_what_is_on_order_or_on_hand_is_not_ordered_again(plan, client) -> None:
    everything = await lines_of(client, status=["proposed", "not_needed"])
    assert everything["A1"]["status"] == everything["A2"]["status"] == "not_needed"
    assert everything["A2"]["on_order"] == 400


async def test_an_article_can_be_looked_up_even_when_nothing_is_to_be_ordered(plan, client) -> None:
    assert (await lines_of(client, sku="A1"))["A1"]["quantity"] == 0


async def test_pages_follow_each_other_in_both_orders(plan, client) -> None:
    for order, expected in (("sku", ["A0", "B0", "C0"]), ("urgency", None)):
        whole = [
            item["sku"] for item in (await client.get("/v1/recommendations", params={"order": order})).json()["items"]
        ]
        assert expected is None or whole == expected
        seen, cursor = [], None
        for _ in whole:
            params = {"order": order, "limit": 1} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/recommendations", params=params)).json()
            seen += [item["sku"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert seen == whole
        assert cursor is None


@pytest.mark.parametrize("cursor", ["bm8", "W10", "WyJhIiwiYiJd"])
async def test_a_cursor_of_another_list_is_refused(client, cursor) -> None:
    assert_problem(await client.get("/v1/recommendations", params={"cursor": cursor}), 422, "invalid_cursor")


async def test_filters_narrow_the_list(plan, client) -> None:
    assert set(await lines_of(client, supplier="S2")) == {"B0"}
    assert set(await lines_of(client, warehouse="NORTH")) == set()


async def test_a_line_explains_itself_and_replays(plan, client) -> None:
    line = (await lines_of(client))["A0"]
    explanation = (await client.get(f"/v1/recommendations/{line['id']}/explanation")).json()
    assert explanation["replayed_quantity"] == explanation["result"] == line["quantity"]
    codes = [step["code"] for step in explanation["steps"]]
    assert codes[:3] == ["rate", "protection", "expected_demand"]
    assert codes[-1] == "result"
    assert all(step["label"]["en"] and step["label"]["ru"] for step in explanation["steps"])
    assert explanation["text"] == line["reason"]
    assert "→" in line["reason"]["ru"]


async def test_a_line_that_cannot_be_trusted_says_why(plan, client) -> None:
    line = (await lines_of(client))["C0"]
    assert line["blocked"] == "stock_negative"
    assert "correct it" in line["reason"]["en"]


async def test_a_line_can_be_rejected_once_with_a_reason(plan, client, as_role) -> None:
    line = (await lines_of(client))["B0"]
    url = f"/v1/recommendations/{line['id']}/rejection"
    assert_problem(await client.post(url, json={"reason": " "}), 422, "invalid_request")
    assert_problem(await client.post(url, json={"reason": "x"}, headers=as_role("ops")), 403, "forbidden")
    rejected = (await client.post(url, json={"reason": "season is over"})).json()
    assert (rejected["status"], rejected["rejection_reason"]) == ("rejected", "season is over")
    assert_problem(await client.post(url, json={"reason": "again"}), 409, "recommendation_decided")


async def test_plans_are_listed_and_the_latest_is_the_default(plan, run_stored, client) -> None:
    run = await run_stored()
    latest = (await client.get("/v1/plans/latest")).json()
    assert latest["id"] == run["plan_id"] != plan["id"]
    page = (await client.get("/v1/plans", params={"limit": 1})).json()
    rest = (await client.get("/v1/plans", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in page["items"] + rest["items"]] == [latest["id"], plan["id"]]
    assert {line["plan_id"] for line in (await lines_of(client)).values()} == {latest["id"]}
    assert {line["plan_id"] for line in (await lines_of(client, plan_id=plan["id"])).values()} == {plan["id"]}


async def test_what_does_not_exist_is_told_as_such(client) -> None:
    assert_problem(await client.get("/v1/plans/latest"), 404, "plan_not_found")
    assert_problem(await client.get(f"/v1/plans/{uuid4()}"), 404, "plan_not_found")
    assert_problem(await client.get(f"/v1/recommendations/{uuid4()}"), 404, "recommendation_not_found")
    assert_problem(await client.get("/v1/recommendations", params={"plan_id": str(uuid4())}), 404, "plan_not_found")
    assert (await client.get("/v1/recommendations")).json()["items"] == []


async def test_the_events_tell_what_to_order_and_what_runs_out(plan, client, events) -> None:
    told = {event["type"]: event["data"] for event in await events()}
    published = told["forecast.recommendations.published.v1"]
    assert (published["recommendations"], published["blocked"]) == (2, 1)
    assert {supplier["supplier"] for supplier in published["suppliers"]} == {"S1", "S2"}
    assert published["most_urgent"][0]["sku"] == "A0"
    lines = await lines_of(client)
    assert published["most_urgent"][0]["recommendation_id"] == lines["A0"]["id"]
    risks = told["forecast.stockout-risk.detected.v1"]["risks"]
    assert "A0" in {risk["sku"] for risk in risks}
    assert "A1" not in {risk["sku"] for risk in risks}


async def test_planning_inputs_in_another_shape_fail_the_run_with_the_column(company, run_once) -> None:
    for row in company.planning:
        row["sku"] = None
    run = await run_once()
    assert (run["status"], run["problem"]["code"]) == ("failed", "unreadable_planning_inputs")
    assert "sku" in run["problem"]["detail"]
