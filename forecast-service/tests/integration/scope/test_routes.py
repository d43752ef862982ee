"""A limited caller, every reading route of the service: exactly the rows inside the scope, whole pages of them."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest

from forecast_service.app import create_app
from forecast_service.settings import Settings
from shared.testing.conformance import assert_problem
from shared.testing.identities import TEST_KEYS, identity_headers, scope_claim

RunOnce = Callable[..., Awaitable[dict[str, Any]]]

CATEGORIES = ("Fruit", "Dairy & eggs", "Хлеб")
SUPPLIERS = ("S0", "S1", "S2")
WAREHOUSES = ("W0", "W1", "W2")
ARTICLES = {f"P{c}{s}": (CATEGORIES[c], SUPPLIERS[s]) for c, s in product(range(3), range(3))}
PAIRS = list(product(ARTICLES, WAREHOUSES))
STATUSES = ("proposed", "waits", "not_needed", "drafted", "approved", "rejected")
EVERY_LINE = {"status": list(STATUSES), "order": "sku"}


@dataclass(frozen=True)
class Scope:
    categories: frozenset[str] | None = None
    suppliers: frozenset[str] | None = None
    warehouses: frozenset[str] | None = None

    def headers(self, **claims: Any) -> dict[str, str]:
        claim = scope_claim(categories=self.categories, suppliers=self.suppliers, warehouses=self.warehouses)
        return identity_headers("forecast", scope=claim, **claims)

    def allows(self, sku: str, warehouse: str) -> bool:
        category, supplier = ARTICLES[sku]
        limits = ((self.categories, category), (self.suppliers, supplier), (self.warehouses, warehouse))
        return all(codes is None or code in codes for codes, code in limits)

    def pairs(self) -> set[tuple[str, str]]:
        return {pair for pair in PAIRS if self.allows(*pair)}


def some_scopes() -> list[Scope]:
    """Each limit alone, none, nothing at all, unknown codes, and a dozen drawn at random."""
    chance = random.Random(7)

    def drawn(codes: tuple[str, ...]) -> frozenset[str] | None:
        return None if chance.random() < 0.3 else frozenset(code for code in codes if chance.random() < 0.5)

    fixed = [
        Scope(),
        Scope(categories=frozenset({"Fruit"})),
        Scope(suppliers=frozenset({"S0", "S2"})),
        Scope(warehouses=frozenset({"W1"})),
        Scope(frozenset(), frozenset(), frozenset()),
        Scope(categories=frozenset({"fruit", "none'; --"})),
        Scope(frozenset({"Хлеб", "Fruit"}), frozenset({"S1"}), frozenset({"W0", "W2"})),
    ]
    return fixed + [Scope(drawn(CATEGORIES), drawn(SUPPLIERS), drawn(WAREHOUSES)) for _ in range(12)]


@pytest.fixture
async def lines(client: httpx.AsyncClient, data: Any, run_stored: RunOnce) -> dict[str, tuple[str, str]]:
    """Two plans of 27 lines; article and warehouse of every line by its id."""
    for number, (sku, warehouse) in enumerate(PAIRS):
        category, supplier = ARTICLES[sku]
        stock = {0: 0.0, 1: 400.0, 2: 15.0, 3: -2.0}[number % 4]
        currency = "EUR" if number % 3 else "USD"
        terms = {"category": category, "supplier": supplier, "currency": currency, "on_hand": stock}
        data.sell(sku, 2.0 + number % 5, days=60, warehouse=warehouse, **terms)
    await run_stored()
    await run_stored()
    found = {}
    for plan in (await client.get("/v1/plans")).json()["items"]:
        for line in await pages(client, "/v1/recommendations", {}, plan_id=plan["id"], **EVERY_LINE):
            found[line["id"]] = (line["sku"], line["warehouse"])
    assert len(found) == 2 * len(PAIRS)
    return found


async def pages(client: httpx.AsyncClient, path: str, headers: dict[str, str], **params: Any) -> list[dict[str, Any]]:
    """All rows, read in small pages; only the last page may be short."""
    rows: list[dict[str, Any]] = []
    while True:
        answer = await client.get(path, params={"limit": "7", **params}, headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        page = answer.json()
        rows += page["items"]
        if page["next_cursor"] is None:
            return rows
        assert len(page["items"]) == 7, path
        params = {**params, "cursor": page["next_cursor"]}


def pair(row: dict[str, Any]) -> tuple[str, str]:
    return row["sku"], row["warehouse"]


# What is checked by which test of this file.
BY_ROW = {"/v1/recommendations", "/v1/accuracy", "/v1/forecasts/{sku}"}
BY_OBJECT = {"/v1/recommendations/{recommendation_id}", "/v1/recommendations/{recommendation_id}/explanation"}
BY_FIGURE = {"/v1/plans", "/v1/plans/latest", "/v1/plans/{plan_id}"}
# How a run went, and how good the models were on the whole; no article, no money.
WITHOUT_ROWS = {"/v1/runs", "/v1/runs/{run_id}"}


def test_every_reading_route_has_a_decision(settings: Settings) -> None:
    documented = create_app(settings, TEST_KEYS).openapi()["paths"].items()
    reading = {path for path, methods in documented if path.startswith("/v1/") and "get" in methods}
    assert reading == BY_ROW | BY_OBJECT | BY_FIGURE | WITHOUT_ROWS


async def test_no_list_shows_a_row_outside_the_scope(
    client: httpx.AsyncClient, lines: dict[str, tuple[str, str]]
) -> None:
    for scope in some_scopes():
        headers, expected = scope.headers(), sorted(scope.pairs())
        by_article = await pages(client, "/v1/recommendations", headers, **EVERY_LINE)
        by_urgency = await pages(client, "/v1/recommendations", headers, status=list(STATUSES))
        accuracy = await pages(client, "/v1/accuracy", headers)
        for rows in (by_article, by_urgency, accuracy):
            assert sorted(map(pair, rows)) == expected, scope
        for sku in ARTICLES:
            visible = [warehouse for warehouse in WAREHOUSES if scope.allows(sku, warehouse)]
            answer = await client.get(f"/v1/forecasts/{sku}", headers=headers)
            if visible:
                shown = [forecast["warehouse"] for forecast in answer.json()["warehouses"]]
                assert shown == visible, scope
            else:
                assert_problem(answer, 404, "forecast_not_found")


async def test_no_line_outside_the_scope_is_found(client: httpx.AsyncClient, lines: dict[str, tuple[str, str]]) -> None:
    for scope in some_scopes()[:7]:
        for path, (line, where) in product(sorted(BY_OBJECT), lines.items()):
            answer = await client.get(path.replace("{recommendation_id}", line), headers=scope.headers())
            assert answer.status_code == (200 if scope.allows(*where) else 404), (path, scope)


async def test_the_figures_of_a_plan_are_those_of_the_lines_in_scope(
    client: httpx.AsyncClient, lines: dict[str, tuple[str, str]]
) -> None:
    whole = (await client.get("/v1/plans/latest")).json()
    everything = Scope(frozenset(CATEGORIES), frozenset(SUPPLIERS), frozenset(WAREHOUSES))
    assert (await client.get("/v1/plans/latest", headers=everything.headers())).json() == whole
    assert whole["proposed"] > 0
    assert whole["blocked"] > 0
    assert len(whole["values"]) == 2
    for scope in some_scopes():
        headers = scope.headers()
        latest = (await client.get("/v1/plans/latest", headers=headers)).json()
        listed = (await client.get("/v1/plans", headers=headers)).json()["items"]
        assert listed[0] == latest == (await client.get(f"/v1/plans/{latest['id']}", headers=headers)).json()
        rows = await pages(client, "/v1/recommendations", {}, plan_id=latest["id"], **EVERY_LINE)
        own = [row for row in rows if scope.allows(*pair(row))]
        proposed = [row for row in own if row["status"] == "proposed" and row["blocked"] is None]
        values: dict[str, float] = {}
        for row in proposed:
            values[row["currency"]] = round(values.get(row["currency"], 0.0) + row["line_value"], 2)
        assert (latest["lines"], latest["proposed"], latest["values"]) == (len(own), len(proposed), values), scope
        assert latest["waiting"] == sum(row["status"] == "waits" for row in own)
        assert latest["blocked"] == sum(row["status"] == "proposed" and row["blocked"] is not None for row in own)


async def test_lines_outside_the_scope_are_not_approved_even_when_named(
    client: httpx.AsyncClient, lines: dict[str, tuple[str, str]], data: Any
) -> None:
    scope = Scope(frozenset({"Fruit"}), frozenset({"S0"}), frozenset({"W0"}))
    headers = scope.headers(roles=["buyer"])
    plan = (await client.get("/v1/plans/latest")).json()["id"]
    current = await pages(client, "/v1/recommendations", {}, plan_id=plan)
    foreign = [row["id"] for row in current if not scope.allows(*pair(row))]
    answer = await client.post("/v1/recommendations/approvals", json={"recommendation_ids": foreign}, headers=headers)
    body = answer.json()
    assert (body["approved"], body["purchase_orders"]) == ([], [])
    assert {skipped["reason"] for skipped in body["skipped"]} == {"There is no such recommendation."}
    assert data.orders == {}
    by_supplier = {"plan_id": plan, "supplier": "S1"}
    answer = await client.post("/v1/recommendations/approvals", json=by_supplier, headers=headers)
    assert_problem(answer, answer.status_code, "nothing_to_approve")
    answer = await client.post("/v1/recommendations/approvals", json={**by_supplier, "supplier": "S0"}, headers=headers)
    assert {lines[each] for each in answer.json()["approved"]} == {("P00", "W0")}
    assert [(order["supplier"], order["warehouse"]) for order in data.orders.values()] == [("S0", "W0")]


async def test_a_line_outside_the_scope_is_not_rejected(
    client: httpx.AsyncClient, lines: dict[str, tuple[str, str]]
) -> None:
    scope = Scope(warehouses=frozenset({"W1"}))
    current = await pages(client, "/v1/recommendations", {}, status="proposed")
    for row in current:
        path = f"/v1/recommendations/{row['id']}/rejection"
        answer = await client.post(path, json={"reason": "no"}, headers=scope.headers(roles=["buyer"]))
        assert answer.status_code == (200 if scope.allows(*pair(row)) else 404), answer.text
    rejected = await pages(client, "/v1/recommendations", {}, status="rejected")
    assert rejected
    assert {row["warehouse"] for row in rejected} == {"W1"}
