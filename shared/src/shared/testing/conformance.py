"""What every service must do alike; `tests/conformance` runs these over all of them."""

from typing import Any

import httpx
from fastapi import FastAPI

from shared.testing.identities import identity_token
from shared.web.identity import HEADER
from shared.web.problems import MEDIA_TYPE

PROBLEM_KEYS = {"type", "title", "status", "detail", "instance", "code", "request_id", "trace_id", "errors"}


def assert_problem(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith(MEDIA_TYPE), response.headers
    body: dict[str, Any] = response.json()
    assert set(body) == PROBLEM_KEYS, body
    assert body["status"] == status
    assert body["detail"]
    assert body["type"] == f"/problems/{body['code'].replace('_', '-')}"
    if code is not None:
        assert body["code"] == code, body
    return body


async def check_service(app: FastAPI, client: httpx.AsyncClient, audience: str) -> None:
    """`client` sends no identity of its own."""
    await _check_health(client)
    await _check_problems(app, client, audience)
    await _check_request_ids(client)
    _check_openapi(app)


async def _check_health(client: httpx.AsyncClient) -> None:
    live = await client.get("/health/live")
    assert live.status_code == 200
    assert live.json()["status"] == "alive"
    ready = await client.get("/health/ready")
    assert ready.json()["status"] in {"ready", "degraded"}, ready.text
    assert ready.json()["dependencies"]["database"]["status"] == "up"
    metrics = await client.get("/metrics")
    assert "http_server_request_duration_seconds" in metrics.text


async def _check_problems(app: FastAPI, client: httpx.AsyncClient, audience: str) -> None:
    assert_problem(await client.get("/v1/no-such-route"), 404, "route_not_found")
    guarded = [path for path, item in app.openapi()["paths"].items() if path.startswith("/v1/") and "get" in item]
    assert guarded
    for path in guarded:
        concrete = path.replace("{", "").replace("}", "")
        for token in (
            "",
            "x.y.z",
            identity_token("another"),
            identity_token(audience, exp=1),
            identity_token(audience, typ="access"),
        ):
            assert_problem(await client.get(concrete, headers={HEADER: token}), 401, "unauthenticated")


async def _check_request_ids(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live", headers={"X-Request-Id": "abc-1"})).headers["x-request-id"] == "abc-1"
    forged = await client.get("/health/live", headers={"X-Request-Id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


def _check_openapi(app: FastAPI) -> None:
    document = app.openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    operations = [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(ids) == len(set(ids)), sorted(ids)
    for path, method, operation in operations:
        assert operation.get("summary"), (path, method)
        assert "4XX" in operation["responses"], (path, method)
