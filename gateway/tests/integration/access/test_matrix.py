"""Every route of the file, every caller, every method: what is listed is served, everything else is refused."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway.access.adapters import DEFAULT_FILE

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
UNKNOWN = "00000000-0000-7000-8000-000000000000"
ROLES = ("admin", "manager", "buyer", "ops", "service")
# API keys: their owner's role, and the permits they are limited to.
KEYS: dict[str, tuple[str, list[str] | None]] = {
    "key of an administrator": ("admin", None),
    "key to read data": ("admin", ["data:read"]),
    "key of a buyer to order": ("buyer", ["data:write", "forecast:read"]),
    "key of ops for the gateway": ("ops", ["gateway:read"]),
}
CALLERS = (*ROLES, None, *KEYS)
# Routes with an effect that would spoil the matrix for the callers after it; they are called by nobody who may.
ENDS_SESSIONS = {"/api/v1/auth/logout"}


@dataclass(frozen=True)
class Listed:
    """One route, read from the file without the gateway's own reader; None means anybody."""

    upstream: str
    path: str
    roles: dict[str, set[str] | None]

    def serves(self, method: str, caller: str | None) -> bool:
        if method not in self.roles:
            return False
        allowed = self.roles[method]
        if allowed is None:
            return True
        role, permits = KEYS.get(caller or "", (caller, None))
        kind = "read" if method in {"GET", "HEAD"} else "write"
        return role in allowed and (permits is None or f"{self.upstream}:{kind}" in permits)


def read(path: Path) -> list[Listed]:
    document = yaml.safe_load(path.read_text())
    found = []
    for name, service in document["services"].items():
        for below, methods in service["routes"].items():
            roles: dict[str, set[str] | None] = {}
            for method, given in methods.items():
                group = given if isinstance(given, str) else given["allow"]
                roles[method] = None if group == "anyone" else set(document["groups"][group])
            found.append(Listed(service.get("upstream", name), service["prefix"] + below, roles))
    return found


ROUTES = read(DEFAULT_FILE)


@pytest.fixture(scope="module")
def clients(gateway: Any) -> Iterator[dict[str | None, httpx.Client]]:
    """One kept connection per caller."""
    with ExitStack() as stack:
        opened: dict[str | None, httpx.Client] = {
            caller: stack.enter_context(gateway.client(caller)) for caller in (*ROLES, None)
        }
        for name, (role, permits) in KEYS.items():
            created = opened[role].post("/api/v1/api-keys", json={"name": name, "scopes": permits})
            assert created.status_code == 201, created.text
            header = {"X-API-Key": created.json()["key"]}
            opened[name] = stack.enter_context(gateway.client(**header))
        yield opened


@pytest.mark.parametrize("route", ROUTES, ids=[route.path for route in ROUTES])
def test_a_route_serves_exactly_the_callers_and_methods_it_lists(
    route: Listed, clients: dict[str | None, httpx.Client], fresh_echo: Any
) -> None:
    concrete = re.sub(r"\{[a-z_]+\}", UNKNOWN, route.path)
    for caller in CALLERS:
        for method in METHODS:
            served = route.serves(method, caller)
            if served and route.path in ENDS_SESSIONS:
                continue
            fresh_echo.seen.clear()
            body = {} if method in {"POST", "PUT", "PATCH"} else None
            response = clients[caller].request(method, concrete, json=body)
            place = (method, route.path, caller, response.status_code, response.text[:200])
            # Serving /openapi.json makes the gateway itself ask the services for their documents.
            passed_on = [seen for seen in fresh_echo.seen if seen["path"] != "/openapi.json"]
            assert bool(passed_on) == (served and route.upstream != "gateway"), place
            _check(route, caller, method, response, place)


def _check(route: Listed, caller: str | None, method: str, response: httpx.Response, place: Any) -> None:
    refusal = None if response.status_code < 400 or method == "HEAD" else response.json().get("code")
    if method not in route.roles:
        assert response.status_code == 405, place
        allowed = METHODS[:6] if method in {"OPTIONS", "TRACE"} else [m for m in METHODS if m in route.roles]
        assert sorted(response.headers["allow"].split(", ")) == sorted(allowed), place
    elif route.serves(method, caller):
        assert refusal not in {"role_missing", "permit_missing", "unauthenticated", "method_not_allowed"}, place
        assert response.status_code == 200 if route.upstream != "gateway" else response.status_code < 500, place
    elif caller is None:
        assert (response.status_code, refusal) == (401, "unauthenticated"), place
    else:
        assert response.status_code == 403, place
        assert refusal in {"role_missing", "permit_missing"}, place


def test_the_matrix_is_as_large_as_the_table() -> None:
    """The count keeps a route from vanishing unnoticed, and two of them from being one."""
    assert len({route.path for route in ROUTES}) == len(ROUTES) >= 80
    assert len(ROUTES) * len(CALLERS) * len(METHODS) >= 6_000


def test_everything_the_platform_agreed_on_is_there() -> None:
    """One of each service."""
    assert {
        "/api/v1/auth/login",
        "/api/v1/data/planning-inputs",
        "/api/v1/forecast/recommendations/approvals",
        "/api/v1/notifications/subscriptions/{subscription_id}",
        "/api/v1/monitoring/alerts",
        "/api/v1/storage/backups/{backup_id}/restorations",
    } <= {route.path for route in ROUTES}


def test_no_service_may_spend_money_on_its_own() -> None:
    spending = re.compile(r"purchase-orders(/\{order_id\}/(approval|placement))?$|recommendations/approvals$")
    found = [
        (route.path, roles)
        for route in ROUTES
        for method, roles in route.roles.items()
        if method == "POST" and spending.search(route.path)
    ]
    assert len(found) == 4
    assert all("service" not in (roles or {"service"}) for _, roles in found)


def test_only_administrators_manage_users_and_restore() -> None:
    for route in ROUTES:
        if route.path.startswith("/api/v1/users") or route.path.endswith("{backup_id}/restorations"):
            assert all(roles == {"admin"} for roles in route.roles.values()), route.path
