"""The way through for well-behaved callers."""

from typing import Any


def test_a_get_reaches_the_service_with_the_prefix_exchanged(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("buyer") as client:
        response = client.get("/api/v1/data/products/SKU-1%20%D0%90", params={"limit": "5", "q": "a b"})
    assert response.status_code == 200, response.text
    seen = fresh_echo.last()
    assert seen["path"] == "/v1/products/SKU-1%20%D0%90"
    assert seen["query"] == "limit=5&q=a+b"
    assert response.headers["ratelimit-policy"] == '"read";q=1000000;w=60'
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_body_arrives_whole_with_a_length_and_in_chunks(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("admin") as client:
        whole = client.post("/api/v1/data/products", content=b"x" * 100_000)
        chunked = client.post("/api/v1/data/products", content=iter([b"x" * 50_000] * 3))
        empty = client.post("/api/v1/data/products")
    assert [whole.status_code, chunked.status_code, empty.status_code] == [200, 200, 200]
    assert [seen["body_bytes"] for seen in fresh_echo.seen] == [100_000, 150_000, 0]


def test_unknown_routes_and_methods_are_problem_documents(gateway: Any) -> None:
    with gateway.client("admin") as client:
        unknown = client.get("/api/v1/data/nothing")
        method = client.delete("/api/v1/data/products")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "route_not_found")
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert method.headers["allow"] == "GET, POST"
    assert {unknown.headers["content-type"], method.headers["content-type"]} == {"application/problem+json"}


def test_request_ids_and_traces_are_kept_when_well_formed_and_replaced_when_not(gateway: Any, fresh_echo: Any) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with gateway.client("buyer") as client:
        kept = client.get("/api/v1/data/sales", headers={"X-Request-Id": "abc-1", "traceparent": trace})
        seen = dict(fresh_echo.last()["headers"])
        replaced = client.get(
            "/api/v1/data/sales", headers={"X-Request-Id": "a b", "traceparent": "00-zz", "tracestate": "x=1"}
        )
        other = dict(fresh_echo.last()["headers"])
    assert kept.headers["x-request-id"] == seen["x-request-id"] == "abc-1"
    assert seen["traceparent"].split("-")[1] == trace.split("-")[1]
    assert seen["traceparent"] != trace
    assert replaced.headers["x-request-id"] == other["x-request-id"] != "a b"
    assert other["traceparent"].startswith("00-")
    assert "tracestate" not in other


def test_a_location_is_translated_to_the_outside(gateway: Any, fresh_echo: Any) -> None:
    fresh_echo.answers["/v1/runs"] = lambda: (202, [(b"location", b"/v1/runs/7")], b"{}")
    with gateway.client("buyer") as client:
        response = client.post("/api/v1/forecast/runs", json={})
    assert response.headers["location"] == "/api/v1/forecast/runs/7"


def test_answers_nobody_marked_as_cacheable_are_not_stored_by_browsers(gateway: Any, fresh_echo: Any) -> None:
    with gateway.client("buyer") as client:
        assert client.get("/api/v1/data/sales").headers["cache-control"] == "no-store"


def test_what_a_service_says_to_the_gateway_only_stays_inside(gateway: Any, fresh_echo: Any) -> None:
    inside = [
        (b"set-cookie", b"a=1"),
        (b"server", b"x"),
        (b"connection", b"x-inner"),
        (b"x-inner", b"1"),
        (b"x-outer", b"2"),
    ]
    fresh_echo.answers["/v1/sales"] = lambda: (200, inside, b"{}")
    with gateway.client("buyer") as client:
        headers = client.get("/api/v1/data/sales").headers
    assert headers["x-outer"] == "2"
    assert not {"set-cookie", "server", "x-inner"} & set(headers)
