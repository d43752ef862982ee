import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from monitoring_service.health.service import Watch
from monitoring_service.resources import Resources
from monitoring_service.settings import Settings


async def test_before_the_first_round_nothing_is_known(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/status")).json()
    assert (body["overall"], body["targets"], body["open_incidents"]) == ("unknown", [], 0)


async def test_probe_results_can_be_narrowed_to_a_target_and_to_failures(
    servers, client_of: Callable[..., Any], settings: Settings, resources: Resources
) -> None:
    server = await servers()
    chosen = settings.model_copy(update={"targets": {"data-service": server.url}})
    watch = Watch.of(chosen, resources)
    await watch.take_turn()
    await asyncio.sleep(0.03)
    server.status = 500
    await watch.take_turn()
    async with client_of(chosen) as client:
        everything = (await client.get("/v1/probes")).json()["items"]
        of_data = (await client.get("/v1/probes", params={"target": "data-service"})).json()["items"]
        failures = (await client.get("/v1/probes", params={"failed_only": True})).json()["items"]
        first = (await client.get("/v1/probes", params={"target": "data-service", "limit": 1})).json()
        second = (
            await client.get("/v1/probes", params={"target": "data-service", "cursor": first["next_cursor"]})
        ).json()
    assert len(everything) == 4
    assert [item["ok"] for item in of_data] == [False, True]
    assert [(item["target"], item["error"]) for item in failures] == [("data-service", "HTTP 500")]
    assert first["items"] + second["items"] == of_data
    assert second["next_cursor"] is None


async def test_the_worker_inside_the_http_process_probes_by_itself(
    servers, client_of: Callable[..., Any], settings: Settings
) -> None:
    server = await servers()
    chosen = settings.model_copy(update={"targets": {"data-service": server.url}, "worker_in_process": True})
    async with client_of(chosen) as client:
        body: dict[str, Any] = {}
        for _ in range(200):
            body = (await client.get("/v1/status")).json()
            if body["targets"]:
                break
            await asyncio.sleep(0.05)
    assert {target["name"]: target["status"] for target in body["targets"]} == {"data-service": "up", "postgres": "up"}
