"""A limited caller, every reading route of the service: exactly the rows inside the scope, whole pages of them."""

import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pyarrow as pa
import pytest

from data_service.app import create_app
from data_service.settings import Settings
from shared.testing.conformance import assert_problem
from shared.testing.identities import TEST_KEYS, identity_headers, scope_claim

ImportFile = Callable[..., Awaitable[dict[str, Any]]]

CATEGORIES = ("Fruit", "Dairy & eggs", "Хлеб")
SUPPLIERS = ("S0", "S1", "S2")
WAREHOUSES = ("W0", "W1", "W2")
DAYS = ("2024-01-30", "2024-02-02")
# Every category of every supplier, and the two that lack one: they belong to no limited scope.
ARTICLES: dict[str, tuple[str | None, str | None]] = {
    **{f"P{c}{s}": (CATEGORIES[c], SUPPLIERS[s]) for c, s in product(range(3), range(3))},
    "PX": (None, "S0"),
    "PY": ("Fruit", None),
}


@dataclass(frozen=True)
class Scope:
    categories: frozenset[str] | None = None
    suppliers: frozenset[str] | None = None
    warehouses: frozenset[str] | None = None

    def headers(self, **claims: Any) -> dict[str, str]:
        claim = scope_claim(categories=self.categories, suppliers=self.suppliers, warehouses=self.warehouses)
        return identity_headers("data", scope=claim, **claims)

    def article(self, sku: str) -> bool:
        category, supplier = ARTICLES[sku]
        return _allowed(self.categories, category) and _allowed(self.suppliers, supplier)

    def supplier(self, code: str) -> bool:
        return _allowed(self.suppliers, code)

    def warehouse(self, code: str) -> bool:
        return _allowed(self.warehouses, code)

    def order(self, supplier: str, warehouse: str, skus: Iterable[str]) -> bool:
        own = all(_allowed(self.categories, ARTICLES[sku][0]) for sku in skus)
        return own and self.supplier(supplier) and self.warehouse(warehouse)


def _allowed(codes: frozenset[str] | None, code: str | None) -> bool:
    return codes is None or code in codes


def some_scopes() -> list[Scope]:
    """Each limit alone, none, nothing at all, unknown codes, and a dozen drawn at random."""
    chance = random.Random(5)

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


@dataclass(frozen=True)
class Company:
    """What was put in, as (supplier, warehouse, articles) by order id."""

    orders: dict[str, tuple[str, str, tuple[str, ...]]]
    import_id: str


@pytest.fixture
async def company(client: httpx.AsyncClient, import_file: ImportFile) -> Company:
    pairs = list(product(ARTICLES, WAREHOUSES))
    await import_file("suppliers", "supplier,name\n" + "".join(f"{code},Name {code}\n" for code in SUPPLIERS))
    await import_file(
        "products",
        "sku,name,category,supplier,cost\n"
        + "".join(
            f"{sku},{sku},{category or ''},{supplier or ''},1\n" for sku, (category, supplier) in ARTICLES.items()
        ),
    )
    sold = "".join(f"{sku},{warehouse},{day},1\n" for (sku, warehouse), day in product(pairs, DAYS))
    await import_file("sales", "sku,warehouse,date,quantity\n" + sold)
    counted = "".join(f"{sku},{warehouse},2024-02-02,5\n" for sku, warehouse in pairs)
    last = await import_file("stock", "sku,warehouse,date,on_hand\n" + counted + "P00,W0,no-date,5\n")
    orders = {}
    for supplier, warehouse in product(SUPPLIERS, WAREHOUSES):
        number = SUPPLIERS.index(supplier)
        for skus in ((f"P0{number}",), (f"P1{number}", f"P2{number}"), ("PX",)):
            lines = [{"sku": sku, "quantity": 3} for sku in skus]
            body = {"supplier": supplier, "warehouse": warehouse, "lines": lines}
            created = (await client.post("/v1/purchase-orders", json=body)).json()
            orders[created["id"]] = (supplier, warehouse, skus)
    return Company(orders, last["id"])


async def pages(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """All rows, read in small pages; only the last page may be short."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": "7", **({"cursor": cursor} if cursor else {})}
        answer = await client.get(path, params=params, headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        page = answer.json()
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows
        assert len(page["items"]) == 7, path


async def arrow(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, (path, answer.text)
    rows: list[dict[str, Any]] = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    return rows


def by_pair(row: dict[str, Any]) -> tuple[str, str]:
    return row["sku"], row["warehouse"]


def visible_pairs(scope: Scope) -> set[Any]:
    return {
        (sku, where) for sku, where in product(ARTICLES, WAREHOUSES) if scope.article(sku) and scope.warehouse(where)
    }


Reader = Callable[[httpx.AsyncClient, str, dict[str, str]], Awaitable[list[dict[str, Any]]]]

# Route → how it is read, what tells its rows apart, which of them a scope may see.
LISTS: dict[str, tuple[Reader, Callable[[Any], Any], Callable[[Scope, Company], set[Any]]]] = {
    "/v1/products": (pages, lambda row: row["sku"], lambda scope, _: {sku for sku in ARTICLES if scope.article(sku)}),
    "/v1/suppliers": (
        pages,
        lambda row: row["code"],
        lambda scope, _: {code for code in SUPPLIERS if scope.supplier(code)},
    ),
    "/v1/warehouses": (
        pages,
        lambda row: row["code"],
        lambda scope, _: {code for code in WAREHOUSES if scope.warehouse(code)},
    ),
    "/v1/sales": (
        pages,
        lambda row: (*by_pair(row), row["date"]),
        lambda scope, _: {(*pair, day) for pair in visible_pairs(scope) for day in DAYS},
    ),
    "/v1/stock": (pages, by_pair, lambda scope, _: visible_pairs(scope)),
    "/v1/purchase-orders": (
        pages,
        lambda row: row["id"],
        lambda scope, company: {order_id for order_id, facts in company.orders.items() if scope.order(*facts)},
    ),
    "/v1/demand": (
        arrow,
        lambda row: (*by_pair(row), row["date"].isoformat()),
        lambda scope, _: {(*pair, day) for pair in visible_pairs(scope) for day in DAYS},
    ),
    "/v1/planning-inputs": (arrow, by_pair, lambda scope, _: visible_pairs(scope)),
}
# Route → all objects there are and which of them a scope may see.
OBJECTS: dict[str, Callable[[Scope, Company], dict[str, bool]]] = {
    "/v1/products/{sku}": lambda scope, _: {sku: scope.article(sku) for sku in ARTICLES},
    "/v1/suppliers/{code}": lambda scope, _: {code: scope.supplier(code) for code in SUPPLIERS},
    "/v1/purchase-orders/{order_id}": lambda scope, company: {
        order_id: scope.order(*facts) for order_id, facts in company.orders.items()
    },
}
# What a limited caller may not read at all: raw rows of the whole company.
REFUSED = {"/v1/imports/{import_id}/quarantine", "/v1/imports/{import_id}/quarantine.csv"}
# What says how an import went, and holds no row of it.
WITHOUT_ROWS = {"/v1/imports", "/v1/imports/{import_id}"}


def test_every_reading_route_has_a_decision(settings: Settings) -> None:
    documented = create_app(settings, TEST_KEYS).openapi()["paths"].items()
    reading = {path for path, methods in documented if path.startswith("/v1/") and "get" in methods}
    assert reading == LISTS.keys() | OBJECTS.keys() | REFUSED | WITHOUT_ROWS


async def test_no_reading_route_shows_a_row_outside_the_scope(client: httpx.AsyncClient, company: Company) -> None:
    for scope in some_scopes():
        headers = scope.headers()
        for path, (read, key, expected) in LISTS.items():
            rows = [key(row) for row in await read(client, path, headers)]
            assert len(rows) == len(set(rows)), path
            assert set(rows) == expected(scope, company), (path, scope)
        for path, objects in OBJECTS.items():
            for name, is_visible in objects(scope, company).items():
                answer = await client.get(path[: path.index("{")] + name, headers=headers)
                assert answer.status_code == (200 if is_visible else 404), (path, name, scope)


async def test_a_limited_caller_imports_nothing_and_reads_no_raw_rows(
    client: httpx.AsyncClient, company: Company
) -> None:
    limited = Scope(warehouses=frozenset({"W0"})).headers()
    body = "sku,warehouse,date,quantity\nP00,W0,2024-01-01,1\n"
    answer = await client.post("/v1/imports", params={"kind": "sales"}, content=body, headers=limited)
    assert "limited to a part" in assert_problem(answer, 403, "outside_scope")["detail"]
    for path in REFUSED:
        concrete = path.replace("{import_id}", company.import_id)
        assert_problem(await client.get(concrete, headers=limited), 403, "outside_scope")
        assert (await client.get(concrete)).status_code == 200
    described = await client.get(f"/v1/imports/{company.import_id}", headers=limited)
    assert described.status_code == 200
    assert "no-date" not in described.text


@pytest.mark.parametrize(
    ("scope", "draft", "pointer"),
    [
        (Scope(suppliers=frozenset({"S1"})), {"supplier": "S0"}, "/supplier"),
        (Scope(suppliers=frozenset({"S1"})), {"supplier": "there-is-none"}, "/supplier"),
        (Scope(warehouses=frozenset({"W1"})), {"warehouse": "W0"}, "/warehouse"),
        (Scope(warehouses=frozenset({"W1"})), {"warehouse": None}, "/warehouse"),
        (Scope(categories=frozenset({"Fruit"})), {"lines": ["P00", "P10"]}, "/lines/1/sku"),
        (Scope(categories=frozenset({"Fruit"})), {"lines": ["PX"]}, "/lines/0/sku"),
    ],
)
async def test_an_order_outside_the_scope_is_refused_and_not_made(
    client: httpx.AsyncClient, company: Company, scope: Scope, draft: dict[str, Any], pointer: str
) -> None:
    body = {"supplier": "S0", "warehouse": "W0", "lines": ["P00"], **draft}
    body["lines"] = [{"sku": sku, "quantity": 1} for sku in body["lines"]]
    answer = await client.post("/v1/purchase-orders", json=body, headers=scope.headers(roles=["buyer"]))
    problem = assert_problem(answer, 403, "outside_scope")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert len(await pages(client, "/v1/purchase-orders", {})) == len(company.orders)


async def test_an_order_inside_the_scope_is_made_and_lived_through(client: httpx.AsyncClient, company: Company) -> None:
    scope = Scope(frozenset({"Fruit"}), frozenset({"S0"}), frozenset({"W0"}))
    headers = scope.headers(roles=["buyer"])
    body = {"supplier": "S0", "warehouse": "W0", "lines": [{"sku": "P00", "quantity": 1}]}
    created = await client.post("/v1/purchase-orders", json=body, headers=headers)
    assert created.status_code == 201, created.text
    for action, sent in (
        ("approval", None),
        ("placement", None),
        ("receipts", {"lines": [{"sku": "P00", "quantity": 1}]}),
    ):
        answer = await client.post(f"/v1/purchase-orders/{created.json()['id']}/{action}", json=sent, headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("action", ["approval", "placement", "receipts", "cancellation"])
async def test_nobody_acts_on_an_order_outside_the_scope(
    client: httpx.AsyncClient, company: Company, action: str
) -> None:
    scope = Scope(frozenset({"Fruit"}), frozenset({"S0"}), frozenset({"W0"}))
    body = {"lines": [{"sku": "P00", "quantity": 1}]} if action == "receipts" else None
    for order_id, facts in company.orders.items():
        if not scope.order(*facts):
            path = f"/v1/purchase-orders/{order_id}/{action}"
            answer = await client.post(path, json=body, headers=scope.headers(roles=["buyer"]))
            assert_problem(answer, 404, "purchase_order_not_found")
    assert {order["status"] for order in await pages(client, "/v1/purchase-orders", {})} == {"draft"}


@pytest.mark.parametrize(
    ("scope", "article", "status"),
    [
        (Scope(categories=frozenset({"Fruit"})), {"category": "Fruit"}, 201),
        (Scope(categories=frozenset({"Fruit"})), {"category": "Хлеб"}, 403),
        (Scope(categories=frozenset({"Fruit"})), {}, 403),
        (Scope(suppliers=frozenset({"S1"})), {"supplier": "S1"}, 201),
        (Scope(suppliers=frozenset({"S1"})), {"supplier": "S0"}, 403),
        (Scope(suppliers=frozenset({"S1"})), {}, 403),
    ],
)
async def test_an_article_is_created_inside_the_scope_only(
    client: httpx.AsyncClient, company: Company, scope: Scope, article: dict[str, Any], status: int
) -> None:
    body = {"sku": "NEW", "name": "New", **article}
    answer = await client.post("/v1/products", json=body, headers=scope.headers(roles=["buyer"]))
    assert answer.status_code == status, answer.text
    assert (await client.get("/v1/products/NEW")).status_code == (200 if status == 201 else 404)


async def test_a_malformed_scope_is_no_identity(client: httpx.AsyncClient) -> None:
    for claim in (None, [], "all", {"suppliers": "S1"}, {"suppliers": None}, {"suppliers": [1]}, {"supliers": ["S1"]}):
        answer = await client.get("/v1/products", headers=identity_headers("data", scope=claim))
        assert_problem(answer, 401, "unauthenticated")
