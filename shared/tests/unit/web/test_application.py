from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from shared.errors import ConflictError, FieldError, RateLimitedError
from shared.settings import ServiceSettings, settings_config
from shared.testing.asgi import running, service_client
from shared.testing.conformance import assert_problem, check_service
from shared.testing.identities import TEST_KEYS, identity_headers
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.health import Check
from shared.web.identity import CallerIdentity
from shared.web.pagination import PageParameters


class Settings(ServiceSettings):
    model_config = settings_config("UNIT_TEST_")


@dataclass
class Resources:
    cache_is_up: bool = True


router = APIRouter(prefix="/v1/things", tags=["things"])


@router.get("/{thing_id}")
async def get_thing(thing_id: int, caller: CallerIdentity, page: PageParameters) -> dict[str, Any]:
    if thing_id == 13:
        raise RuntimeError("the password is hunter2")
    if thing_id == 5:
        raise ConnectionRefusedError("database at 10.0.0.1 refused")
    if thing_id == 9:
        raise ConflictError("Thing 9 is closed.", errors=[FieldError(detail="closed", pointer="/state")])
    if thing_id == 29:
        raise RateLimitedError("Slow down.", headers={"Retry-After": "3"})
    return {"id": thing_id, "caller": caller.name, "limit": page.limit}


@router.post("")
async def create_thing(body: dict[str, int]) -> dict[str, int]:
    return body


async def up() -> Mapping[str, Any]:
    return {"version": "1"}


async def down() -> None:
    raise ConnectionError("redis://:secret@cache:6379 refused")


@asynccontextmanager
async def open_resources(_settings: Settings) -> AsyncIterator[Resources]:
    yield Resources()


def an_app(**checks: Check) -> FastAPI:
    definition = ServiceDefinition(
        owner="data",
        title="Things",
        description="For tests",
        open_resources=open_resources,
        checks=lambda _resources: {"database": Check(up), **checks},
        routers=[router],
    )
    return create_service_app(definition, Settings(database_url="postgresql://nobody"), TEST_KEYS)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with service_client(an_app(), "data") as client:
        yield client


async def test_the_common_promises_are_kept() -> None:
    app = an_app()
    async with running(app) as transport, httpx.AsyncClient(transport=transport, base_url="http://s") as client:
        await check_service(app, client, "data")


async def test_a_caller_is_known_to_the_handler(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/things/1")).json() == {"id": 1, "caller": "tester@example.com", "limit": 100}


async def test_an_unexpected_failure_says_nothing_about_itself(client: httpx.AsyncClient) -> None:
    body = assert_problem(await client.get("/v1/things/13"), 500, "internal_error")
    assert "hunter2" not in str(body)
    assert body["request_id"]


async def test_a_store_that_is_away_is_a_503_that_may_be_tried_again(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/things/5")
    assert "10.0.0.1" not in str(assert_problem(response, 503, "store_unavailable"))
    assert response.headers["retry-after"] == "5"


async def test_an_expected_failure_says_what_and_where(client: httpx.AsyncClient) -> None:
    body = assert_problem(await client.get("/v1/things/9"), 409, "conflict")
    assert body["errors"] == [{"detail": "closed", "pointer": "/state", "parameter": None}]
    assert (await client.get("/v1/things/29")).headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("url", "parameter"),
    [("/v1/things/x", "thing_id"), ("/v1/things/1?limit=0", "limit"), ("/v1/things/1?limit=1e9", "limit")],
)
async def test_a_request_of_the_wrong_form_names_the_parameter(
    client: httpx.AsyncClient, url: str, parameter: str
) -> None:
    body = assert_problem(await client.get(url), 422, "invalid_request")
    assert body["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize("content", [b"", b"{", b'"text"', b'{"a": "x"}', b"\xff\xfe"])
async def test_a_broken_body_is_never_a_500(client: httpx.AsyncClient, content: bytes) -> None:
    response = await client.post("/v1/things", content=content, headers={"Content-Type": "application/json"})
    assert_problem(response, 422, "invalid_request")


async def test_an_unknown_method_is_a_problem_too(client: httpx.AsyncClient) -> None:
    assert_problem(await client.delete("/v1/things/1"), 405, "method_not_allowed")


async def test_readiness_names_the_dependency_that_is_away_and_hides_its_password() -> None:
    async with service_client(an_app(cache=Check(down, required=False)), "data") as client:
        response = await client.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert "secret" not in response.text
    async with service_client(an_app(broker=Check(down)), "data") as client:
        assert (await client.get("/health/ready")).status_code == 503


async def test_metrics_are_by_route_pattern(client: httpx.AsyncClient) -> None:
    for thing in range(3):
        await client.get(f"/v1/things/{thing}")
    await client.get("/v1/unknown/1")
    text = (await client.get("/metrics")).text
    assert 'route="/v1/things/{thing_id}"' in text
    assert "/v1/things/1" not in text
    assert "/v1/unknown" not in text


async def test_another_services_caller_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/things/1", headers=identity_headers("storage"))
    assert_problem(response, 401, "unauthenticated")
