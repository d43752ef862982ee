"""The table of routes and the services' descriptions speak of the same operations: nothing hidden, nothing invented."""

import json
from pathlib import Path

from gateway.access.service import RouteTables

ROOT = Path(__file__).resolve().parents[4]
# Described by their own pages, or not for callers at all.
PAGES = ("/health/", "/metrics", "/openapi.json", "/docs", "/problems")
# Between the parts of the platform, never from outside.
INSIDE_ONLY = ("/health/live", "/health/ready", "/metrics", "/openapi.json")


def shaped(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def described(service: str) -> set[tuple[str, str]]:
    folder = "gateway" if service == "gateway" else f"{service}-service"
    paths = json.loads((ROOT / folder / "openapi.json").read_text(encoding="utf-8"))["paths"]
    return {(method.upper(), shaped(path)) for path, item in paths.items() for method in item if method != "parameters"}


def routed() -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for route in RouteTables(None, None).current:
        if not route.path.startswith(PAGES):
            inside = shaped(route.inner_path(route.path.encode()).decode())
            found.setdefault(route.upstream, set()).update((method, inside) for method in route.permissions)
    return found


def test_every_route_of_the_table_is_described_by_its_service() -> None:
    undescribed = {service: sorted(routes - described(service)) for service, routes in routed().items()}
    assert not {service: routes for service, routes in undescribed.items() if routes}


def test_every_described_operation_is_in_the_table() -> None:
    hidden = {
        service: sorted(one for one in described(service) - routes if one[1] not in INSIDE_ONLY)
        for service, routes in routed().items()
    }
    assert not {service: operations for service, operations in hidden.items() if operations}
