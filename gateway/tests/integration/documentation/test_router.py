"""The merged description and its page."""

import json
from typing import Any

DATA = {
    "openapi": "3.1.0",
    "info": {"title": "data", "version": "1"},
    "paths": {
        "/v1/products/{product_sku}": {
            "get": {
                "operationId": "get_product",
                "tags": ["catalog"],
                "summary": "Describe a product",
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
                },
            }
        },
        "/v1/secret": {"get": {"operationId": "secret", "responses": {}}},
    },
    "components": {"schemas": {"Page": {"type": "object"}, "Problem": {"type": "object"}}},
}


def test_the_merged_document_describes_what_can_be_called_from_outside(start_gateway: Any, fresh_echo: Any) -> None:
    fresh_echo.answers["/openapi.json"] = lambda: (200, [], json.dumps(DATA).encode())
    gateway = start_gateway()
    with gateway.client() as client:
        document = client.get("/openapi.json").json()
    product = document["paths"]["/api/v1/data/products/{product_sku}"]["get"]
    assert product["operationId"] == "data_get_product"
    assert product["tags"] == ["data: catalog"]
    assert product["security"] == [{"bearer": []}, {"api_key": []}]
    assert "buyer" in product["x-roles"]
    reference = product["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert reference == "#/components/schemas/data.Page"
    assert {"data.Page", "Problem", "gateway.LoginBody"} <= set(document["components"]["schemas"])
    assert "data.Problem" not in document["components"]["schemas"]
    assert not [path for path in document["paths"] if "secret" in path or path.startswith("/v1/")]
    assert document["paths"]["/api/v1/auth/login"]["post"]["security"] == []


def test_every_reference_of_the_merged_document_leads_somewhere(gateway: Any) -> None:
    with gateway.client() as client:
        text = client.get("/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names
    assert names <= set(schemas)


def test_a_service_that_is_away_is_named_and_nothing_else_is_lost(
    start_gateway: Any, echo: Any, fresh_echo: Any
) -> None:
    fresh_echo.answers["/openapi.json"] = lambda: (200, [], b"[]")
    gateway = start_gateway()
    with gateway.client() as client:
        document = client.get("/openapi.json").json()
    assert "cannot be reached: data, forecast, monitoring, notification, storage" in document["info"]["description"]
    assert "/api/v1/users" in document["paths"]


def test_the_page_needs_nothing_from_elsewhere(gateway: Any) -> None:
    with gateway.client() as client:
        page, script, style = (client.get(path) for path in ("/docs", "/docs/page.js", "/docs/page.css"))
        missing = client.get("/docs/other.js")
    assert [page.status_code, script.status_code, style.status_code, missing.status_code] == [200, 200, 200, 404]
    assert "http" not in page.text.replace("http-equiv", "")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert script.headers["content-type"].startswith("text/javascript")
