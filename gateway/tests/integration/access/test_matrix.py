"""Every route of the file, with every role and every method: what is listed is served, everything else is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.access.adapters import DEFAULT_FILE

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CALLERS = ("admin", "manager", "buyer", "ops", "service", None)
UNKNOWN = "00000000-0000-7000-8000-000000000000"


def read(path: Path) -> list[tuple[str, str, dict[str, set[str] | None]]]:
    """(upstream, path, method: roles) read from the file without the gateway's own reader."""
    document = yaml.safe_load(path.read_text())
    found = []
    for name, service in document["services"].items():
        for below, methods in service["routes"].items():
            allowed: dict[str, set[str] | None] = {}
            for method, given in methods.items():
                group = given if isinstance(given, str) else given["allow"]
                allowed[method] = None if group == "anyone" else set(document["groups"][group])
            found.append((service.get("upstream", name), service["prefix"] + below, allowed))
    return found


ROUTES = read(DEFAULT_FILE)
# Routes with an effect that would spoil the matrix for the callers after it.
_ENDS_SESSIONS = {"/api/v1/auth/logout"}


@pytest.mark.parametrize(("upstream", "path", "allowed"), ROUTES, ids=[route[1] for route in ROUTES])
def test_a_route_serves_exactly_the_roles_and_methods_it_lists(
    upstream: str, path: str, allowed: dict[str, set[str] | None], gateway: Any, fresh_echo: Any
) -> None:
    concrete = re.sub(r"\{[a-z_]+\}", UNKNOWN, path)
    for caller in CALLERS:
        with gateway.client(caller) as client:
            for method in METHODS:
                if path in _ENDS_SESSIONS and method in allowed and caller in (allowed[method] or ()):
                    continue
                fresh_echo.seen.clear()
                response = client.request(method, concrete, json={} if method in {"POST", "PUT", "PATCH"} else None)
                served = method in allowed and (allowed[method] is None or caller in (allowed[method] or ()))
                place = (method, path, caller, response.status_code, response.text[:200])
                assert response.status_code < 500, place
                # Serving /openapi.json makes the gateway itself ask the services for their documents.
                passed_on = [seen for seen in fresh_echo.seen if seen["path"] != "/openapi.json"]
                assert bool(passed_on) == (served and upstream != "gateway"), place
                if method not in allowed:
                    assert response.status_code == 405, place
                    assert response.headers["allow"] == ", ".join(m for m in METHODS if m in allowed), place
                elif not served:
                    expected = (401, "unauthenticated") if caller is None else (403, "role_missing")
                    assert (response.status_code, response.json()["code"]) == expected, place
                elif upstream != "gateway":
                    assert response.status_code == 200, place
                else:
                    assert response.status_code not in {403, 405} or caller is None, place


def test_everything_the_platform_agreed_on_is_there() -> None:
    """One of each service; the count keeps a route from vanishing unnoticed."""
    paths = {path for _, path, _ in ROUTES}
    assert {
        "/api/v1/auth/login",
        "/api/v1/data/planning-inputs",
        "/api/v1/forecast/recommendations/approvals",
        "/api/v1/notifications/subscriptions/{subscription_id}",
        "/api/v1/monitoring/alerts",
        "/api/v1/storage/backups/{backup_id}/restorations",
    } <= paths
    assert len(paths) == len(ROUTES) >= 70


def test_no_service_may_spend_money_on_its_own() -> None:
    spending = re.compile(r"purchase-orders(/\{order_id\}/(approval|placement))?$|recommendations/approvals$")
    found = [
        (path, roles)
        for _, path, methods in ROUTES
        for method, roles in methods.items()
        if method == "POST" and spending.search(path)
    ]
    assert len(found) == 4
    assert all("service" not in (roles or {"service"}) for _, roles in found)


def test_only_administrators_manage_users_and_restore() -> None:
    for _, path, methods in ROUTES:
        if path.startswith("/api/v1/users") or path.endswith("{backup_id}/restorations"):
            assert all(roles == {"admin"} for roles in methods.values()), path
