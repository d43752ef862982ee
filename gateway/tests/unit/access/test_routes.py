"""The table of routes: read whole or refused, and matched without surprises."""

from pathlib import Path

import pytest
import yaml

from gateway.access.adapters import DEFAULT_FILE, load_routes
from gateway.access.errors import InvalidRoutesError


@pytest.fixture(scope="module")
def table():  # type: ignore[no-untyped-def]
    return load_routes()


@pytest.mark.parametrize(
    ("path", "pattern", "inner"),
    [
        (b"/api/v1/data/products", "/api/v1/data/products", b"/v1/products"),
        (b"/api/v1/data/products/A%20B", "/api/v1/data/products/{sku}", b"/v1/products/A%20B"),
        (b"/api/v1/forecast/plans/latest", "/api/v1/forecast/plans/latest", b"/v1/plans/latest"),
        (b"/api/v1/forecast/plans/7", "/api/v1/forecast/plans/{plan_id}", b"/v1/plans/7"),
        (b"/api/v1/notifications/messages", "/api/v1/notifications/messages", b"/v1/messages"),
        (b"/api/v1/users", "/api/v1/users", b"/v1/users"),
        (b"/docs", "/docs", b"/documentation/docs"),
        (b"/.well-known/jwks.json", "/.well-known/jwks.json", b"/.well-known/jwks.json"),
    ],
)
def test_a_path_finds_its_route_and_its_inner_path(path, pattern, inner, table) -> None:  # type: ignore[no-untyped-def]
    route = table.match(path)
    assert (route.path, route.inner_path(path)) == (pattern, inner)


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"",
        b"/api",
        b"/api/v1/data",
        b"/api/v1/data/",
        b"/api/v1/data/products/",
        b"/api/v1/data/products/a/b",
        b"/v1/products",
        b"/api/v1/data/{sku}/x",
    ],
)
def test_what_is_not_listed_is_not_found(path, table) -> None:  # type: ignore[no-untyped-def]
    assert table.match(path) is None


def test_all_services_need_an_address_but_the_gateway_itself(table) -> None:  # type: ignore[no-untyped-def]
    assert table.services == {"data", "forecast", "notification", "monitoring", "storage"}


def changed(folder: Path, **changes: object) -> Path:
    document = yaml.safe_load(DEFAULT_FILE.read_text())
    for place, value in changes.items():
        target = document
        *parents, last = place.split("__")
        for parent in parents:
            target = target[parent]
        target[last] = value
    path = folder / "routes.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"groups__people": ["admin", "root"]}, "people"),
        ({"rates__read": {"user": "1/1"}}, "read"),
        ({"rates__read__user": "many"}, "read"),
        ({"rates__read__user": "0/60"}, "read"),
        ({"address_rate": 5}, "address_rate"),
        ({"surplus": 1}, "surplus"),
        ({"services__data__routes": {"/products": {"GET": "nobody"}}}, "GET /api/v1/data/products"),
        ({"services__data__routes": {"/products": {"FETCH": "everyone"}}}, "FETCH /api/v1/data/products"),
        ({"services__data__routes": {"/products": {}}}, "/api/v1/data/products"),
        ({"services__data__routes": {"/a b": {"GET": "everyone"}}}, "/a b"),
        ({"services__data__routes": {"/../users": {"GET": "everyone"}}}, "/../users"),
        ({"services__data__routes": {"//users": {"GET": "everyone"}}}, "//users"),
        ({"services__data__routes": {"/a": {"GET": {"allow": "everyone", "rate": "x"}}}}, "GET /api/v1/data/a"),
        ({"services__data__routes": {"/a": {"POST": {"allow": "everyone", "cache_seconds": 5}}}}, "POST /api/v1/data/a"),
        ({"services__data__routes": {"/a": {"GET": {"allow": "anyone", "cache_seconds": 5}}}}, "GET /api/v1/data/a"),
        ({"services__data__routes": {"/a": {"GET": {"allow": "everyone", "alow": 1}}}}, "alow"),
        ({"services__data__routes": {"/{a}": {"GET": "everyone"}, "/{b}": {"GET": "everyone"}}}, "/api/v1/data/{b}"),
        ({"services__forecast__prefix": "/api/v1/data", "services__forecast__routes": {"/sales": {"GET": "everyone"}}}, "/api/v1/data/sales"),
    ],
)  # fmt: skip
def test_an_unclear_table_is_refused_naming_the_place(changes: dict[str, object], place: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRoutesError) as refused:
        load_routes(changed(tmp_path, **changes))
    assert place in str(refused.value)


@pytest.mark.parametrize("content", ["", "[", "a: b: c", "- 1"])
def test_a_file_that_is_no_table_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(content)
    with pytest.raises(InvalidRoutesError):
        load_routes(path)
    with pytest.raises(InvalidRoutesError):
        load_routes(tmp_path / "none.yaml")
