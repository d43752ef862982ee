"""The table of routes: read whole or refused, and matched without surprises."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.access.adapters import DEFAULT_FILE, load_routes, parse_routes
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
    path.write_text(yaml.safe_dump(document, explicit_end=True))
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
        ({"services__data__routes": {"/a": {"GET": {"allow": "everyone", "stale_seconds": 5}}}}, "GET /api/v1/data/a"),
        ({"services__data__routes": {"/a": {"GET": {"allow": "everyone", "tags": ["a"]}}}}, "GET /api/v1/data/a"),
        ({"services__data__routes": {"/a": {"POST": {"allow": "everyone", "tags": ["A b"]}}}}, "tags"),
        ({"services__data__routes": {"/a": {"GET": {"allow": "everyone", "alow": 1}}}}, "alow"),
        ({"services__data__routes": {"/{a}": {"GET": "everyone"}, "/{b}": {"GET": "everyone"}}}, "/api/v1/data/{b}"),
        ({"services__forecast__prefix": "/api/v1/data", "services__forecast__routes": {"/sales": {"GET": "everyone"}}}, "/api/v1/data/sales"),
    ],
)  # fmt: skip
def test_an_unclear_table_is_refused_naming_the_place(changes: dict[str, object], place: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRoutesError) as refused:
        load_routes(changed(tmp_path, **changes))
    assert place in str(refused.value)


def test_every_permission_names_its_service_and_whether_it_reads(table) -> None:  # type: ignore[no-untyped-def]
    for route in table:
        for method, permission in route.permissions.items():
            kind = "read" if method in {"GET", "HEAD"} else "write"
            assert permission.permit == f"{route.upstream}:{kind}", (method, route.path)
            assert permission.allows_permits(None)
            assert permission.allows_permits(frozenset({permission.permit, "other:read"}))
            assert permission.allows_permits(frozenset()) == (permission.roles is None), (method, route.path)


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("  everyone:", "  everyone: [admin]\n  everyone:", "key 'everyone' is there twice"),
        ("      /v1/users:", "      /v1/users: {GET: people}\n      /v1/users:", "key '/v1/users' is there twice"),
        (
            "/v1/users: {GET: administrators,",
            "/v1/users: {GET: people, GET: administrators,",
            "key 'GET' is there twice",
        ),
        ("  everyone:", "  on: [admin]\n  everyone:", "key True is no text"),
    ],
)
def test_a_key_is_there_once_and_is_a_word(before: str, after: str, place: str) -> None:
    """YAML itself would let the later key win without a word."""
    text = DEFAULT_FILE.read_text()
    assert before in text
    with pytest.raises(InvalidRoutesError) as refused:
        parse_routes(text.replace(before, after, 1).encode(), "routes.yaml")
    assert place in str(refused.value)
    assert re.search(r"line \d+, column \d+", str(refused.value))


def test_every_prefix_of_the_file_is_refused() -> None:
    """A file cut off between two routes would otherwise be a valid table with routes missing."""
    lines = DEFAULT_FILE.read_bytes().rstrip().splitlines(keepends=True)
    for count in range(1, len(lines)):
        with pytest.raises(InvalidRoutesError):
            parse_routes(b"".join(lines[:count]), "routes.yaml")


def test_a_service_without_an_address_is_refused_by_the_name_of_its_setting() -> None:
    content = DEFAULT_FILE.read_bytes()
    assert parse_routes(content, "routes.yaml", ["data", "forecast", "notification", "monitoring", "storage"])
    with pytest.raises(InvalidRoutesError, match="GATEWAY_UPSTREAMS__FORECAST, GATEWAY_UPSTREAMS__STORAGE"):
        parse_routes(content, "routes.yaml", ["data", "notification", "monitoring"])


@pytest.mark.parametrize("content", ["", "[", "a: b: c", "- 1", "\udcff", "[" * 3000])
def test_a_file_that_is_no_table_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidRoutesError, match=r"routes\.yaml"):
        load_routes(path)
    with pytest.raises(InvalidRoutesError):
        load_routes(tmp_path / "none.yaml")
