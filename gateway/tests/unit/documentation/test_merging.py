"""Merging descriptions, and showing of them what a caller may call."""

import json
from typing import Any

import pytest

from gateway.documentation.domain.merging import PublicRoute, Terms, assemble, merge
from gateway.documentation.domain.narrowing import Reader, visible

DOCUMENT = {
    "paths": {
        "/v1/things/{id}": {
            "parameters": [{"name": "id", "in": "path"}],
            "get": {"operationId": "get_thing", "responses": {"200": {"$ref": "#/components/schemas/Thing"}}},
            "delete": {"operationId": "delete_thing", "responses": {}},
        },
        "/v1/hidden": {"get": {"operationId": "hidden", "responses": {}}},
    },
    "components": {
        "schemas": {
            "Thing": {"properties": {"list": {"$ref": "#/components/schemas/ThingList"}}},
            "ThingList": {"items": {"$ref": "#/components/schemas/Thing"}},
            "Unused": {},
        }
    },
}


def terms(*roles: str, permit: str = "data:read") -> Terms:
    return Terms(frozenset(roles) or None, permit, is_counted=True, is_upload=False, is_own=False)


def document_of(*routes: PublicRoute, reader: Reader | None = None) -> dict[str, Any]:
    merged = merge(routes, {"data": DOCUMENT, "storage": DOCUMENT})
    shown = merged.operations if reader is None else visible(merged.operations, reader)
    return assemble(shown, {"schemas": merged.schemas}, version="1", description="d")


def test_only_listed_methods_of_listed_routes_are_described() -> None:
    document = document_of(
        PublicRoute("/api/v1/data/things/{thing}", "/v1/things/{thing}", "data", {"get": terms("ops")})
    )
    assert list(document["paths"]) == ["/api/v1/data/things/{id}"]
    item = document["paths"]["/api/v1/data/things/{id}"]
    assert set(item) == {"parameters", "get"}
    assert (item["get"]["x-roles"], item["get"]["x-permit"]) == (["ops"], "data:read")
    assert item["get"]["summary"] == "Get thing"


def test_two_services_with_the_same_names_do_not_mix() -> None:
    routes = [
        PublicRoute(f"/api/v1/{name}/things/{{id}}", "/v1/things/{id}", name, {"get": terms()})
        for name in ("data", "storage")
    ]
    document = document_of(*routes)
    references = [item["get"]["responses"]["200"]["$ref"] for item in document["paths"].values()]
    assert references == ["#/components/schemas/data.Thing", "#/components/schemas/storage.Thing"]
    schemas = document["components"]["schemas"]
    assert schemas["data.ThingList"]["items"]["$ref"] == "#/components/schemas/data.Thing"
    assert len({item["get"]["operationId"] for item in document["paths"].values()}) == 2


def test_only_components_that_are_led_to_are_kept() -> None:
    document = document_of(PublicRoute("/api/v1/data/things/{id}", "/v1/things/{id}", "data", {"get": terms()}))
    assert set(document["components"]["schemas"]) == {"data.Thing", "data.ThingList"}
    nothing = document_of(PublicRoute("/api/v1/data/things/{id}", "/v1/things/{id}", "data", {"delete": terms()}))
    assert "schemas" not in nothing["components"]


def test_a_service_without_a_document_is_left_out() -> None:
    merged = merge([PublicRoute("/api/v1/data/things", "/v1/things", "data", {"get": terms()})], {})
    assert merged.operations == ()


@pytest.mark.parametrize(
    ("reader", "methods"),
    [
        (Reader(), {"patch"}),
        (Reader(frozenset({"buyer"})), {"patch", "get"}),
        (Reader(frozenset({"buyer", "admin"})), {"patch", "get", "delete"}),
        (Reader(frozenset({"admin"}), frozenset()), {"patch"}),
        (Reader(frozenset({"admin"}), frozenset({"data:write"})), {"patch", "delete"}),
        (Reader(frozenset({"buyer"}), frozenset({"data:write", "data:read"})), {"patch", "get"}),
        (Reader(frozenset({"ops"})), {"patch"}),
    ],
)
def test_a_caller_sees_what_roles_and_permits_allow_together(reader: Reader, methods: set[str]) -> None:
    document = {
        "paths": {
            "/v1/x": {m: {"operationId": m, "responses": {}} for m in ("get", "delete", "patch")},
        }
    }
    route = PublicRoute(
        "/x",
        "/v1/x",
        "data",
        {"get": terms("buyer", "admin"), "delete": terms("admin", permit="data:write"), "patch": terms()},
    )
    shown = visible(merge([route], {"data": document}).operations, reader)
    assert {operation.method for operation in shown} == methods


def test_a_name_that_begins_like_another_is_not_touched() -> None:
    schemas = {"Page": {"type": "object"}, "PageOfThings": {"items": {"$ref": "#/components/schemas/Page"}}}
    paths = {
        "/v1/x": {"get": {"operationId": "x", "responses": {"200": {"$ref": "#/components/schemas/PageOfThings"}}}}
    }
    merged = merge(
        [PublicRoute("/x", "/v1/x", "data", {"get": terms()})],
        {"data": {"paths": paths, "components": {"schemas": schemas}}},
    )
    assert set(merged.schemas) == {"data.Page", "data.PageOfThings"}
    assert "data.data" not in json.dumps(merged.schemas)
