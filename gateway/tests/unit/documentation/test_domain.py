"""Merging descriptions."""

from gateway.documentation.domain import PublicRoute, merge

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
        "schemas": {"Thing": {"type": "object"}, "ThingList": {"items": {"$ref": "#/components/schemas/Thing"}}}
    },
}


def merged(*routes: PublicRoute) -> dict:  # type: ignore[type-arg]
    return merge(routes, {"data": DOCUMENT, "storage": DOCUMENT}, version="1", description="d")


def test_only_listed_methods_of_listed_routes_are_described() -> None:
    document = merged(
        PublicRoute("/api/v1/data/things/{thing}", "/v1/things/{thing}", "data", {"get": frozenset({"ops"})})
    )
    assert list(document["paths"]) == ["/api/v1/data/things/{id}"]
    item = document["paths"]["/api/v1/data/things/{id}"]
    assert set(item) == {"parameters", "get"}
    assert item["get"]["x-roles"] == ["ops"]


def test_two_services_with_the_same_names_do_not_mix() -> None:
    routes = [
        PublicRoute(f"/api/v1/{name}/things/{{id}}", "/v1/things/{id}", name, {"get": None})
        for name in ("data", "storage")
    ]
    document = merged(*routes)
    references = [item["get"]["responses"]["200"]["$ref"] for item in document["paths"].values()]
    assert references == ["#/components/schemas/data.Thing", "#/components/schemas/storage.Thing"]
    assert document["components"]["schemas"]["data.ThingList"]["items"]["$ref"] == "#/components/schemas/data.Thing"
    assert len({item["get"]["operationId"] for item in document["paths"].values()}) == 2


def test_a_service_without_a_document_is_left_out() -> None:
    document = merge(
        [PublicRoute("/api/v1/data/things", "/v1/things", "data", {"get": None})], {}, version="1", description="d"
    )
    assert document["paths"] == {}
