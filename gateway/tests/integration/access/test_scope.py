"""A limit set at the gateway, kept by the services: from the administrator's request to the rows that come back."""

import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.testing.conformance import assert_problem

CATEGORIES = {"F1": "Fruit", "F2": "Fruit", "D1": "Dairy & eggs", "B1": "Хлеб"}
PRODUCTS = "/api/v1/data/products"


@pytest.fixture(scope="module", autouse=True)
def articles(platform: Any) -> None:
    with platform.gateway.client("admin") as admin:
        for sku, category in CATEGORIES.items():
            created = admin.post(PRODUCTS, json={"sku": sku, "name": sku, "category": category})
            assert created.status_code == 201, created.text


def skus(client: httpx.Client, **headers: str) -> list[str]:
    answer = client.get(PRODUCTS, headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["sku"] for item in answer.json()["items"]]


def test_a_limited_buyer_sees_their_part_and_the_rest_is_not_there(platform: Any) -> None:
    vera = platform.person("vera", "buyer", scope={"categories": ["Fruit"]})
    assert skus(vera) == ["F1", "F2"]
    assert vera.get(f"{PRODUCTS}/F1").status_code == 200
    assert_problem(vera.get(f"{PRODUCTS}/D1"), 404, "product_not_found")
    assert_problem(
        vera.post(PRODUCTS, json={"sku": "D2", "name": "x", "category": "Dairy & eggs"}), 403, "outside_scope"
    )
    assert_problem(vera.post("/api/v1/data/imports?kind=sales", content=b"sku\n"), 403, "outside_scope")
    subscription = {"channel": "console", "address": "vera", "language": "en", "event_types": ["*"]}
    assert_problem(vera.post("/api/v1/notifications/subscriptions", json=subscription), 403, "outside_scope")
    assert_problem(vera.post("/api/v1/storage/exports", json={"format": "sheets"}), 403, "outside_scope")
    assert vera.get("/api/v1/forecast/recommendations").json()["items"] == []


def test_a_list_that_is_kept_is_not_shared_between_scopes(platform: Any) -> None:
    """/products is answered from the cache for five seconds."""
    expected = {
        platform.person("vera", "buyer", scope={"categories": ["Fruit"]}): ["F1", "F2"],
        platform.person("oleg", "buyer", scope={"categories": ["Хлеб"]}): ["B1"],
        platform.person("nina", "buyer", scope={"categories": []}): [],
        platform.person("anna", "buyer"): ["B1", "D1", "F1", "F2"],
    }
    for _ in range(50):
        for client, own in expected.items():
            assert skus(client) == own


def test_a_key_narrows_its_owners_part_and_never_widens_it(platform: Any) -> None:
    anna = platform.person("anna", "buyer")
    vera = platform.person("vera", "buyer", scope={"categories": ["Fruit"]})
    bread = anna.post("/api/v1/api-keys", json={"name": "bread", "scope": {"categories": ["Хлеб"]}})
    assert bread.status_code == 201, bread.text
    with platform.gateway.client(**{"X-API-Key": bread.json()["key"]}) as client:
        assert skus(client) == ["B1"]
    own = vera.post("/api/v1/api-keys", json={"name": "all"})
    with platform.gateway.client(**{"X-API-Key": own.json()["key"]}) as client:
        assert skus(client) == ["F1", "F2"]


def test_a_changed_limit_counts_within_five_seconds(platform: Any) -> None:
    zoya = platform.person("zoya", "buyer")
    assert skus(zoya) == ["B1", "D1", "F1", "F2"]
    with platform.gateway.client("admin") as admin:
        users = admin.get("/api/v1/users").json()["items"]
        zoya_id = next(user["id"] for user in users if user["email"] == "zoya@example.com")
        changed = admin.patch(f"/api/v1/users/{zoya_id}", json={"scope": {"categories": ["Dairy & eggs"]}})
        assert changed.status_code == 200, changed.text
    until = time.monotonic() + 5
    while skus(zoya) != ["D1"]:
        assert time.monotonic() < until
        time.sleep(0.1)


PLAN = UUID("0192f000-0000-7000-8000-000000000001")
_LINE = """
INSERT INTO forecast.recommendations (id, plan_id, sku, warehouse, name, category, supplier, supplier_name, unit, currency,
    quantity, unit_cost, line_value, status, arrives_on, expected_shortage_units, expected_shortage_value, urgency_value,
    on_hand, on_order, reserved, service_level, inputs, steps, reason_en, reason_ru)
VALUES ('{id}', '{plan}', '{sku}', 'W1', '{sku}', '{category}', 'S1', 'S1', 'pcs', 'EUR', 5, 2, 10, 'proposed',
    current_date, 0, 0, 1, 0, 0, 0, 0.95, '{{}}', '[]', '', '')"""


@pytest.fixture(scope="module")
def plan(platform: Any) -> dict[str, str]:
    """Ids of the lines by article; D1 was fruit when the plan was made."""
    platform.execute(
        "data",
        "INSERT INTO data.suppliers (code, name, is_declared) VALUES ('S1', 'S1', true);"
        "INSERT INTO data.warehouses (code, name) VALUES ('W1', 'W1')",
    )
    platform.execute(
        "forecast",
        "INSERT INTO forecast.plans (id, run_id, planned_on, lines, proposed, blocked, waiting, at_risk, values, policy) "
        f"VALUES ('{PLAN}', '{PLAN}', current_date, 3, 3, 0, 0, 0, '{{}}', '{{}}')",
    )
    lines = {sku: str(uuid4()) for sku in ("F1", "B1", "D1")}
    for sku, line_id in lines.items():
        category = "Fruit" if sku == "D1" else CATEGORIES[sku]
        platform.execute("forecast", _LINE.format(id=line_id, plan=PLAN, sku=sku, category=category))
    return lines


def test_an_approval_reaches_the_second_service_with_the_persons_limits(platform: Any, plan: dict[str, str]) -> None:
    """forecast-service acts for Vera at data-service, through the gateway; each of them keeps to her scope."""
    vera = platform.person("vera", "buyer", scope={"categories": ["Fruit"]})
    approvals = "/api/v1/forecast/recommendations/approvals"
    listed = vera.get("/api/v1/forecast/recommendations").json()["items"]
    assert sorted(line["sku"] for line in listed) == ["D1", "F1"]
    both = vera.post(approvals, json={"recommendation_ids": [plan["F1"], plan["B1"]]}).json()
    assert both["approved"] == [plan["F1"]]
    assert [skipped["id"] for skipped in both["skipped"]] == [plan["B1"]]
    order = both["purchase_orders"][0]["id"]
    assert vera.get(f"/api/v1/data/purchase-orders/{order}").json()["status"] == "approved"
    outdated = vera.post(approvals, json={"recommendation_ids": [plan["D1"]]}).json()
    assert outdated["approved"] == []
    assert "lies outside your categories" in outdated["skipped"][0]["reason"]
    oleg = platform.person("oleg", "buyer", scope={"categories": ["Хлеб"]})
    assert_problem(oleg.get(f"/api/v1/data/purchase-orders/{order}"), 404, "purchase_order_not_found")
    assert oleg.get("/api/v1/data/purchase-orders").json()["items"] == []
