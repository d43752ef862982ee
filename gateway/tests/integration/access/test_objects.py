"""Every route that names an object, and whether another person may reach it; shown with the real services.

A route with a parameter that has no decision here fails the first test.
"""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from gateway.access.adapters import load_routes

OWNED, SCOPED, SHARED, ADMINISTERED = "owned", "scoped", "shared", "administered"
DATA, FORECAST = "/api/v1/data", "/api/v1/forecast"
NOTIFICATIONS, STORAGE, MONITORING = "/api/v1/notifications", "/api/v1/storage", "/api/v1/monitoring"

# Route → its methods and the decision on them, with the reason.
DECISIONS: dict[str, tuple[str, str, str]] = {
    "/api/v1/auth/sessions/{session_id}": ("DELETE", OWNED, "a login is one person's"),
    "/api/v1/users/{user_id}": ("GET PATCH", ADMINISTERED, "people are looked after by administrators"),
    "/api/v1/users/{user_id}/invitation": ("POST", ADMINISTERED, "as above"),
    "/api/v1/users/{user_id}/password-reset": ("POST", ADMINISTERED, "as above"),
    "/api/v1/users/{user_id}/api-keys": ("GET DELETE", ADMINISTERED, "as above"),
    "/api/v1/api-keys/{key_id}": ("PATCH DELETE", OWNED, "a key acts as its owner"),
    "/api/v1/api-keys/{key_id}/rotation": ("POST", OWNED, "as above"),
    "/docs/{asset}": ("GET", SHARED, "files of the documentation page"),
    "/problems/{code}": ("GET", SHARED, "what a problem means"),
    f"{DATA}/imports/{{import_id}}": ("GET", SHARED, "how fresh the company's data is; holds no rows"),
    f"{DATA}/imports/{{import_id}}/quarantine": ("GET", SCOPED, "rows of the whole company; refused to the limited"),
    f"{DATA}/imports/{{import_id}}/quarantine.csv": ("GET", SCOPED, "as above"),
    f"{DATA}/products/{{sku}}": ("GET", SCOPED, "the company's, by category and supplier"),
    f"{DATA}/suppliers/{{code}}": ("GET", SCOPED, "the company's, by supplier"),
    f"{DATA}/purchase-orders/{{order_id}}": ("GET", SCOPED, "the company's, by supplier, warehouse and categories"),
    f"{DATA}/purchase-orders/{{order_id}}/approval": ("POST", SCOPED, "buyers stand in for each other"),
    f"{DATA}/purchase-orders/{{order_id}}/placement": ("POST", SCOPED, "as above"),
    f"{DATA}/purchase-orders/{{order_id}}/receipts": ("POST", SCOPED, "as above"),
    f"{DATA}/purchase-orders/{{order_id}}/cancellation": ("POST", SCOPED, "as above"),
    f"{FORECAST}/runs/{{run_id}}": ("GET", SHARED, "one run for the whole company; holds no rows"),
    f"{FORECAST}/runs/{{run_id}}/cancellation": ("POST", SHARED, "as above"),
    f"{FORECAST}/forecasts/{{sku}}": ("GET", SCOPED, "by category, supplier and warehouse"),
    f"{FORECAST}/plans/{{plan_id}}": ("GET", SCOPED, "figures of the caller's own lines"),
    f"{FORECAST}/recommendations/{{recommendation_id}}": ("GET", SCOPED, "by category, supplier and warehouse"),
    f"{FORECAST}/recommendations/{{recommendation_id}}/explanation": ("GET", SCOPED, "as above"),
    f"{FORECAST}/recommendations/{{recommendation_id}}/rejection": ("POST", SCOPED, "as above"),
    f"{NOTIFICATIONS}/subscriptions/{{subscription_id}}": ("GET PATCH DELETE", OWNED, "a person's chat"),
    f"{NOTIFICATIONS}/messages/{{message_id}}": ("GET", OWNED, "what a person was told"),
    f"{NOTIFICATIONS}/messages/{{message_id}}/resend": ("POST", OWNED, "as above"),
    f"{NOTIFICATIONS}/templates/{{name}}/preview": ("POST", SHARED, "texts of the platform"),
    f"{MONITORING}/incidents/{{incident_id}}": ("GET", SHARED, "the platform's health"),
    f"{MONITORING}/incidents/{{incident_id}}/acknowledgement": ("POST", SHARED, "operators stand in for each other"),
    f"{STORAGE}/exports/{{export_id}}": ("GET", SCOPED, "the limited see what they made for that very scope"),
    f"{STORAGE}/exports/{{export_id}}/content": ("GET", SCOPED, "as above"),
    f"{STORAGE}/files/{{file_id}}": ("GET", SCOPED, "the limited see what they stored themselves"),
    f"{STORAGE}/files/{{file_id}} ": ("DELETE", OWNED, "whoever stored it, administrators and ops"),
    f"{STORAGE}/files/{{file_id}}/content": ("GET", SCOPED, "the limited see what they stored themselves"),
    f"{STORAGE}/backups/{{backup_id}}": ("GET", SHARED, "operators only; states, no content"),
    f"{STORAGE}/backups/{{backup_id}}/restorations": ("POST", ADMINISTERED, "administrators only"),
    f"{STORAGE}/restorations/{{restoration_id}}": ("GET", SHARED, "operators only"),
    f"{STORAGE}/spreadsheets/{{spreadsheet_id}}": ("DELETE", SHARED, "where the company's results go"),
}
OPERATIONS = {
    (method, path.strip()): decision for path, (methods, decision, _) in DECISIONS.items() for method in methods.split()
}
OWNED_OPERATIONS = sorted(operation for operation, decision in OPERATIONS.items() if decision == OWNED)
SUBSCRIPTION = {"channel": "console", "language": "en", "event_types": ["forecast.*"]}


def test_every_route_with_an_object_has_a_decision() -> None:
    listed = {(method, route.path) for route in load_routes() if "{" in route.path for method in route.permissions}
    assert listed == OPERATIONS.keys()


def test_what_is_administered_needs_an_administrator() -> None:
    for route in load_routes():
        for method, permission in route.permissions.items():
            if OPERATIONS.get((method, route.path)) == ADMINISTERED:
                assert permission.roles == {"admin"}, (method, route.path)


def new_key(platform: Any, owner: httpx.Client) -> str:
    return str(owner.post("/api/v1/api-keys", json={"name": uuid4().hex}).json()["api_key"]["id"])


def new_session(platform: Any, owner: httpx.Client) -> str:
    """Another login of the owner, newer than the one in use."""
    platform.log_in_again(owner)
    return str(owner.get("/api/v1/auth/sessions").json()["items"][0]["id"])


def new_subscription(platform: Any, owner: httpx.Client) -> str:
    body = SUBSCRIPTION | {"address": uuid4().hex}
    return str(owner.post(f"{NOTIFICATIONS}/subscriptions", json=body).json()["id"])


def new_message(platform: Any, owner: httpx.Client) -> str:
    """As if an event had been told: nobody can write one over HTTP."""
    subscription = new_subscription(platform, owner)
    notice, message = uuid4(), uuid4()
    platform.execute(
        "notification",
        f"""INSERT INTO notification.notices (id, event_id, event_type, language, body)
            VALUES ('{notice}', '{uuid4()}', 'forecast.run.failed.v1', 'en', 'text');
            INSERT INTO notification.messages
                (id, dedup_key, notice_id, subscription_id, owner, channel, address, status, ended_at)
            SELECT '{message}', '{message}', '{notice}', id, owner, channel, address, 'sent', now()
            FROM notification.subscriptions WHERE id = '{UUID(subscription)}'""",
    )
    return str(message)


def new_file(platform: Any, owner: httpx.Client) -> str:
    answer = owner.post(f"{STORAGE}/files", params={"filename": "a.txt"}, content=uuid4().hex.encode())
    return str(answer.json()["id"])


MAKERS: dict[str, Callable[[Any, httpx.Client], str]] = {
    "key_id": new_key,
    "session_id": new_session,
    "subscription_id": new_subscription,
    "message_id": new_message,
    "file_id": new_file,
}


@pytest.mark.parametrize(("method", "path"), OWNED_OPERATIONS)
def test_nobody_reaches_what_belongs_to_somebody_else(platform: Any, method: str, path: str) -> None:
    roles = ("buyer", "ops") if path.endswith("/resend") else ("buyer",)
    names = ("anna-ops", "boris-ops") if "ops" in roles else ("anna", "boris")
    anna, boris = (platform.person(name, *roles) for name in names)
    parameter = re.search(r"\{([a-z_]+)\}", path)
    assert parameter is not None
    concrete = path.replace(parameter[0], MAKERS[parameter[1]](platform, anna))
    body = {"PATCH": {"active": False} if "subscriptions" in path else {"name": "other"}, "POST": {}}.get(method)
    stolen = boris.request(method, concrete, json=body)
    assert stolen.status_code in {403, 404}, stolen.text
    assert stolen.json()["code"] not in {"role_missing", "route_not_found"}, "the service itself must have refused"
    unknown = boris.request(method, re.sub(r"[0-9a-f-]{36}", str(uuid4()), concrete), json=body)
    if stolen.status_code == 404:
        assert (unknown.status_code, unknown.json()["code"]) == (404, stolen.json()["code"])
    own = anna.request(method, concrete, json=body)
    assert own.status_code < 300, (method, path, own.text)


def test_lists_hold_only_what_is_ones_own(platform: Any) -> None:
    anna, boris = platform.person("anna", "buyer"), platform.person("boris", "buyer")
    for path, maker in (
        ("/api/v1/api-keys", new_key),
        ("/api/v1/auth/sessions", new_session),
        (f"{NOTIFICATIONS}/subscriptions", new_subscription),
        (f"{NOTIFICATIONS}/messages", new_message),
    ):
        made = maker(platform, anna)
        assert made in [item["id"] for item in anna.get(path).json()["items"]], path
        assert made not in [item["id"] for item in boris.get(path).json()["items"]], path
