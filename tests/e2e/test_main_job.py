"""The main job from outside: nothing but the gateway's address, a login and a chat."""

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from tests.e2e.company import MOQ, ON_ORDER, PACK, URGENT, Company, write_company
from tests.e2e.platform import Platform

CHAT = 4242


def wait_for(what: str, look: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


def finished(client: httpx.Client, url: str, seconds: float = 240) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body: dict[str, Any] = client.get(url).raise_for_status().json()
        return body if body["status"] not in {"queued", "running"} else None

    body: dict[str, Any] = wait_for(url, look, seconds)
    return body


def import_file(client: httpx.Client, kind: str, path: Path) -> dict[str, Any]:
    accepted = client.post(
        "/api/v1/data/imports", params={"kind": kind, "filename": path.name}, content=path.read_bytes()
    )
    assert accepted.status_code == 202, accepted.text
    return finished(client, accepted.headers["location"])


def every(client: httpx.Client, url: str, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = client.get(
            url, params={**params, "limit": 500} | ({"cursor": cursor} if cursor else {})
        ).raise_for_status()
        items += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return items


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return write_company(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def client(platform: Platform) -> Any:
    with httpx.Client(base_url=platform.url, timeout=30) as client:
        answer = client.post("/api/v1/auth/login", json={"email": platform.email, "password": platform.password})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@pytest.mark.timeout(600)
def test_from_login_to_an_approved_order_a_message_and_a_workbook(
    client: httpx.Client, company: Company, platform: Platform
) -> None:
    subscribe(client, platform)
    imports(client, company)
    run = plan(client)
    lines = recommendations(client, run["plan_id"])
    message_of_risk(platform)
    approve(client, lines[URGENT])
    workbook(client, run["plan_id"], lines)


def subscribe(client: httpx.Client, platform: Platform) -> None:
    created = client.post(
        "/api/v1/notifications/subscriptions",
        json={
            "channel": "telegram",
            "address": str(CHAT),
            "language": "ru",
            "event_types": ["forecast.*", "data.purchase-order.*"],
        },
    )
    assert created.status_code == 201, created.text
    assert platform.telegram("outbox", chat=CHAT) == []


def imports(client: httpx.Client, company: Company) -> None:
    for kind, path in (
        ("products", company.products),
        ("suppliers", company.suppliers),
        ("stock", company.stock),
        ("purchase-orders", company.purchase_orders),
    ):
        assert import_file(client, kind, path)["status"] == "completed"
    sales = import_file(client, "sales", company.sales)
    assert sales["status"] == "completed", sales
    counts = sales["counts"]
    assert counts["read"] == company.sales_rows
    assert counts["quarantined"] == company.bad_sales_rows
    quarantine = every(client, f"/api/v1/data/imports/{sales['id']}/quarantine")
    reasons = {(row["column"], row["value"]) for row in quarantine}
    assert {column for column, _ in reasons} == {"дата", "цена"} or {column for column, _ in reasons} == {
        "date",
        "price",
    }
    assert all(row["reason"] and row["line"] for row in quarantine)
    again = import_file(client, "sales", company.sales)
    assert again["counts"]["applied"] == 0, "the same file again changes nothing"


def plan(client: httpx.Client) -> dict[str, Any]:
    accepted = client.post("/api/v1/forecast/runs", json={})
    assert accepted.status_code == 202, accepted.text
    run = finished(client, accepted.headers["location"])
    assert run["status"] == "completed", run
    assert run["articles"] == 24
    assert run["accuracy"]["wape_28"] < run["accuracy"]["naive_wape_28"]
    return run


def recommendations(client: httpx.Client, plan_id: str) -> dict[str, dict[str, Any]]:
    lines = {line["sku"]: line for line in every(client, "/api/v1/forecast/recommendations", plan_id=plan_id)}
    assert URGENT in lines
    assert ON_ORDER not in lines or lines[ON_ORDER]["quantity"] == 0, "what is already ordered is counted"
    for line in lines.values():
        assert line["quantity"] % PACK == 0
        assert line["quantity"] == 0 or line["quantity"] >= MOQ
        assert line["reason"]["en"]
        assert line["reason"]["ru"]
    explanation = (
        client.get(f"/api/v1/forecast/recommendations/{lines[URGENT]['id']}/explanation").raise_for_status().json()
    )
    assert explanation["replayed_quantity"] == lines[URGENT]["quantity"]
    return lines


def message_of_risk(platform: Platform) -> None:
    def look() -> list[dict[str, Any]]:
        return [message for message in platform.telegram("outbox", chat=CHAT) if URGENT in message.get("text", "")]

    assert wait_for("a message about the urgent article", look, 60)


def approve(client: httpx.Client, line: dict[str, Any]) -> None:
    before = every(client, "/api/v1/data/purchase-orders")
    body = {"recommendation_ids": [line["id"]]}
    headers = {"Idempotency-Key": "approve-urgent"}
    answers = [client.post("/api/v1/forecast/recommendations/approvals", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    assert answers[0].json()["approved"] == [line["id"]]
    after = every(client, "/api/v1/data/purchase-orders")
    assert len(after) == len(before) + 1, "a repeat creates no second order"
    order = client.get(f"/api/v1/data/purchase-orders/{answers[0].json()['purchase_orders'][0]['id']}").json()
    assert order["status"] == "approved"
    assert [(row["sku"], float(row["quantity"])) for row in order["lines"]] == [(URGENT, float(line["quantity"]))]
    run = plan(client)
    remaining = {row["sku"]: row for row in every(client, "/api/v1/forecast/recommendations", plan_id=run["plan_id"])}
    assert URGENT not in remaining or remaining[URGENT]["quantity"] == 0, "what was approved counts as on order"


def workbook(client: httpx.Client, plan_id: str, lines: dict[str, dict[str, Any]]) -> None:
    body = {"kind": "plan", "format": "xlsx", "plan_id": plan_id, "language": "ru"}
    accepted = client.post("/api/v1/storage/exports", json=body)
    assert accepted.status_code == 202, accepted.text
    export = finished(client, accepted.headers["location"])
    assert export["status"] == "completed", export
    content = client.get(f"/api/v1/storage/exports/{export['id']}/content").raise_for_status().content
    assert len(content) == export["size_bytes"]
    sheet = openpyxl.load_workbook(BytesIO(content)).worksheets[0]
    cells = {str(cell.value) for row in sheet.iter_rows() for cell in row}
    ordered = {sku for sku, line in lines.items() if line["quantity"] > 0}
    assert ordered <= cells
    assert not [
        cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f" and URGENT in str(cell.value)
    ]


def test_nobody_gets_in_without_a_token_or_past_a_role(client: httpx.Client, platform: Platform) -> None:
    with httpx.Client(base_url=platform.url, timeout=30) as stranger:
        for path in ("/api/v1/data/products", "/api/v1/forecast/runs", "/api/v1/users", "/api/v1/storage/files"):
            answer = stranger.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["content-type"].startswith("application/problem+json")
        assert stranger.get("/api/v1/nowhere").status_code in {401, 404}
    buyer = {"email": "buyer@example.com", "password": "a long enough password", "name": "Buyer", "roles": ["buyer"]}
    created = client.post("/api/v1/users", json=buyer)
    assert created.status_code in {201, 409}, created.text
    with httpx.Client(base_url=platform.url, timeout=30) as person:
        login = person.post("/api/v1/auth/login", json={"email": buyer["email"], "password": buyer["password"]}).json()
        person.headers["Authorization"] = f"Bearer {login['access_token']}"
        assert person.get("/api/v1/data/products").status_code == 200
        refused = person.get("/api/v1/users")
        assert refused.status_code == 403
        assert refused.json()["detail"]


def test_a_broken_file_is_refused_with_the_column_named(client: httpx.Client, tmp_path: Path) -> None:
    nameless = tmp_path / "sales.csv"
    nameless.write_text("a,b,c\n1,2,3\n")
    outcome = import_file(client, "sales", nameless)
    assert outcome["status"] == "failed"
    assert "date" in str(outcome["problem"])
    noise = tmp_path / "noise.csv"
    noise.write_bytes(bytes(range(256)) * 50)
    assert import_file(client, "stock", noise)["status"] == "failed"
