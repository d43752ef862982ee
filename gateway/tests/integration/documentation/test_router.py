"""The merged description, to each caller what that caller may call; its page; and the pages about problems."""

import http.server
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from gateway.access.service import RouteTables

ROOT = Path(__file__).resolve().parents[4]
OWNERS = ("data", "forecast", "notification", "monitoring", "storage")
DATA = {
    "openapi": "3.1.0",
    "info": {"title": "data", "version": "1"},
    "paths": {
        "/v1/products/{product_sku}": {
            "get": {
                "operationId": "get_product",
                "tags": ["catalog"],
                "summary": "Describe a product",
                "parameters": [{"name": "product_sku", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "It",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}},
                    }
                },
            }
        },
        "/v1/secret": {"get": {"operationId": "secret", "responses": {}}},
    },
    "components": {"schemas": {"Page": {"type": "object"}, "Problem": {"type": "object"}}},
}


def operations(document: Any) -> dict[tuple[str, str], Any]:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def shaped(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@pytest.fixture(scope="module")
def whole(start_gateway: Any, echo: Any, raw_documents: dict[str, Any]) -> Any:
    """A gateway in front of services that describe themselves as the real ones do."""
    echo.answers.clear()
    return start_gateway(upstreams={owner: f"http://127.0.0.1:{port}" for owner, port in raw_documents.items()})


@pytest.fixture(scope="module")
def raw_documents() -> Any:
    """Each service's committed description on a port of its own."""
    servers, ports = [], {}
    for owner in OWNERS:
        document = (ROOT / f"{owner}-service/openapi.json").read_bytes()

        class Handler(http.server.BaseHTTPRequestHandler):
            content = document

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(self.content)))
                self.end_headers()
                self.wfile.write(self.content)

            def log_message(self, *args: Any) -> None:
                """Nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        ports[owner] = server.server_port
    yield ports
    for server in servers:
        server.shutdown()
        server.server_close()


def document_for(gateway: Any, role: str | None = None, **headers: str) -> Any:
    with gateway.client(role, **headers) as client:
        answer = client.get("/openapi.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_credentials_only_what_is_open_is_shown_and_how_to_see_more(whole: Any) -> None:
    document = document_for(whole)
    shown = operations(document)
    assert all(operation["security"] == [] for operation in shown.values())
    assert ("POST", "/api/v1/auth/login") in shown
    assert "/docs" in document["info"]["description"]
    assert not [path for _, path in shown if path.startswith(("/api/v1/data", "/api/v1/users"))]


@pytest.mark.parametrize("role", ["admin", "manager", "buyer", "ops", "service"])
def test_a_caller_is_shown_exactly_what_the_table_of_routes_allows(whole: Any, role: str) -> None:
    shown = {(method, shaped(path)) for method, path in operations(document_for(whole, role))}
    table = RouteTables(whole.settings.routes_file, None).current
    allowed = {
        (method, shaped(route.path))
        for route in table
        for method, permission in route.permissions.items()
        if permission.roles is None or role in permission.roles
    }
    forbidden = {(method, shaped(route.path)) for route in table for method in route.permissions} - allowed
    assert shown <= allowed
    assert not shown & forbidden
    undocumented = allowed - shown
    # What is not shown although it may be called is what no service describes: pages, probes, keys, and routes that a
    # committed description does not have yet.
    described = documented_routes(table)
    assert not {one for one in undocumented if one in described}


def documented_routes(table: Any) -> set[tuple[str, str]]:
    documents = {
        owner: json.loads(
            (ROOT / (f"{owner}-service" if owner != "gateway" else "gateway") / "openapi.json").read_text()
        )
        for owner in (*OWNERS, "gateway")
    }
    inside = {
        owner: {(m.upper(), shaped(path)) for path, item in document["paths"].items() for m in item}
        for owner, document in documents.items()
    }
    return {
        (method, shaped(route.path))
        for route in table
        for method in route.permissions
        if (method, shaped(route.inner_path(route.path.encode()).decode())) in inside[route.upstream]
    }


def test_an_api_key_is_shown_no_more_than_its_permits(whole: Any) -> None:
    with whole.client("admin") as client:
        made = client.post("/api/v1/api-keys", json={"name": "reader", "scopes": ["data:read"]}).json()
        key = made["key"]
    shown = operations(document_for(whole, **{"X-API-Key": key}))
    needing = {one: operation for one, operation in shown.items() if operation["security"]}
    assert needing
    assert {operation["x-permit"] for operation in needing.values()} == {"data:read"}
    assert {method for method, _ in needing} == {"GET"}


def test_wrong_credentials_are_refused_and_not_taken_for_none(whole: Any) -> None:
    with whole.client(Authorization="Bearer wrong") as client:
        assert client.get("/openapi.json").status_code == 401
        assert client.get("/docs").status_code == 401
    assert whole.login("admin@example.com", "correct horse battery").status_code == 200


def test_a_known_document_is_not_sent_again_and_nobody_gets_anothers(whole: Any) -> None:
    with whole.client("buyer") as buyer, whole.client("admin") as admin:
        first = buyer.get("/openapi.json")
        etag = first.headers["etag"]
        again = buyer.get("/openapi.json", headers={"If-None-Match": f'"x", {etag}'})
        other = admin.get("/openapi.json", headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert other.status_code == 200
    assert other.headers["etag"] != etag
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Authorization, X-API-Key"


def resolved(document: Any, response: Any) -> Any:
    return document["components"]["responses"][response["$ref"].rpartition("/")[2]] if "$ref" in response else response


def test_every_operation_says_what_it_is_who_may_and_what_can_go_wrong(whole: Any) -> None:
    document = document_for(whole, "admin")
    shown = operations(document)
    assert len(shown) > 60
    for (method, path), operation in shown.items():
        assert operation["summary"], path
        assert "security" in operation, path
        statuses = set(operation["responses"])
        if operation["security"]:
            assert {"401", "403", "503"} <= statuses, (method, path)
        if "{" in path:
            assert "404" in statuses, (method, path)
        if "requestBody" in operation:
            assert {"413", "422"} <= statuses, (method, path)
        if path.startswith("/api/v1/") and not path.startswith(("/api/v1/auth", "/api/v1/users", "/api/v1/a")):
            assert {"429", "502", "503", "504"} <= statuses, (method, path)


def test_every_error_response_has_a_valid_example_and_success_the_rate_limit_headers(whole: Any) -> None:
    document = document_for(whole, "admin")
    schemas = {"components": document["components"]}
    problem = {"$ref": "#/components/schemas/Problem", **schemas}
    for (method, path), operation in operations(document).items():
        for status, given in operation["responses"].items():
            response = resolved(document, given)
            content = response.get("content", {}).get("application/problem+json")
            if "$ref" in given:
                Draft202012Validator(problem).validate(content["example"])
                assert content["example"]["status"] == int(status)
            if status.startswith("2") and "429" in operation["responses"]:
                assert {"RateLimit", "RateLimit-Policy"} <= set(response["headers"]), (method, path)


def test_every_example_is_valid_against_its_schema(whole: Any) -> None:
    document = document_for(whole, "admin")
    checked = without = 0
    for (method, path), operation in operations(document).items():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            content = body.get("content", {}).get("application/json")
            if content is None:
                continue
            if "example" not in content:
                without += "examples" not in content
                continue
            schema = {**content["schema"], "components": document["components"]}
            errors = list(Draft202012Validator(schema).iter_errors(content["example"]))
            assert not errors, (method, path, errors[0].message)
            checked += 1
    assert checked > 60
    assert without == 0


def test_every_reference_leads_somewhere_and_nothing_is_left_over(whole: Any) -> None:
    for role in (None, "buyer", "admin"):
        text = json.dumps(document_for(whole, role))
        components = json.loads(text)["components"]
        referred = {part.split('"')[0] for part in text.split('"#/components/')[1:]}
        there = {f"{kind}/{name}" for kind in components if kind != "securitySchemes" for name in components[kind]}
        assert referred == there


def test_the_merged_document_describes_what_can_be_called_from_outside(start_gateway: Any, fresh_echo: Any) -> None:
    fresh_echo.answers["/openapi.json"] = lambda: (200, [], json.dumps(DATA).encode())
    gateway = start_gateway()
    document = document_for(gateway, "buyer")
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


@pytest.mark.parametrize(
    "broken", [b"[]", b"{", b'{"paths": []}', b'{"paths": {"/v1/products": {"get": 5}}}', b"[" * 100_000]
)
def test_a_service_that_is_away_or_talks_nonsense_is_named_and_nothing_else_is_lost(
    start_gateway: Any, echo: Any, fresh_echo: Any, broken: bytes
) -> None:
    fresh_echo.answers["/openapi.json"] = lambda: (200, [], broken)
    gateway = start_gateway()
    document = document_for(gateway, "admin")
    assert "cannot be reached: data" in document["info"]["description"]
    assert "/api/v1/users" in document["paths"]


def test_what_a_service_said_last_stays_while_it_is_away(
    start_gateway: Any, fresh_echo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.documentation.service._FRESH_SECONDS", 0.0)
    fresh_echo.answers["/openapi.json"] = lambda: (200, [], json.dumps(DATA).encode())
    gateway = start_gateway()
    before = document_for(gateway, "buyer")
    fresh_echo.answers["/openapi.json"] = lambda: (503, [], b"")
    assert document_for(gateway, "buyer") == before


def test_the_page_needs_nothing_from_elsewhere(gateway: Any) -> None:
    with gateway.client() as client:
        page, style, *scripts = (
            client.get(f"/docs{name}") for name in ("", "/page.css", "/page.js", "/session.js", "/words.js")
        )
        missing = client.get("/docs/other.js")
    assert [one.status_code for one in (page, style, *scripts, missing)] == [200] * 5 + [404]
    assert "http" not in page.text.replace("http-equiv", "")
    for one in (page, *scripts):
        assert "default-src 'self'" in one.headers["content-security-policy"]
        assert not [
            word
            for word in ("innerHTML", "eval(", "localStorage", "sessionStorage", "onclick=", "style=")
            if word in one.text
        ]
    assert all(script.headers["content-type"].startswith("text/javascript") for script in scripts)


def test_the_page_of_every_problem_can_be_read_in_both_languages_and_by_programs(gateway: Any) -> None:
    with gateway.client() as client:
        items = client.get("/problems", headers={"Accept": "application/json"}).json()["items"]
        listed = client.get("/problems", headers={"Accept-Language": "ru"})
        russian = client.get(
            "/problems/role-missing", headers={"Accept": "text/html", "Accept-Language": "ru,en;q=0.5"}
        )
        english = client.get("/problems/role-missing?lang=en", headers={"Accept-Language": "ru"})
        machine = client.get("/problems/role-missing", headers={"Accept": "application/json"}).json()
        missing = client.get("/problems/never-heard-of")
        assert {client.get(item["type"]).status_code for item in items} == {200}
    assert len(items) > 100
    assert all(item["code"] in listed.text for item in items)
    assert 'lang="ru"' in russian.text
    assert "Ваши роли этого не допускают" in russian.text
    assert "Your roles do not allow this" in english.text
    assert russian.headers["vary"] == "Accept, Accept-Language"
    assert "default-src 'self'" in russian.headers["content-security-policy"]
    assert (machine["code"], machine["example"]["type"]) == ("role_missing", "/problems/role-missing")
    assert (missing.status_code, missing.json()["code"]) == (404, "page_not_found")


def test_a_problem_met_on_the_way_leads_to_its_page(gateway: Any) -> None:
    with gateway.client("buyer") as client:
        answers = [
            client.get("/api/v1/users"),
            client.get("/nowhere"),
            client.get("/api/v1/data/products", params={"x": "\0"}),
            client.post("/api/v1/auth/login", json={}),
            client.post("/docs"),
            httpx.get(f"{gateway.url}/api/v1/users", trust_env=False),
        ]
        assert [answer.status_code for answer in answers] == [403, 404, 400, 422, 405, 401]
        for answer in answers:
            page = client.get(answer.json()["type"], headers={"Accept": "application/json"})
            assert page.json()["code"] == answer.json()["code"]
