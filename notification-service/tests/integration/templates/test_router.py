"""Templates over HTTP."""

from typing import Any

import httpx
import pytest

from shared.testing.conformance import assert_problem


async def test_the_list_has_every_event_with_titles_and_a_sample(client: httpx.AsyncClient) -> None:
    items = {item["name"]: item for item in (await client.get("/v1/templates")).json()["items"]}
    assert len(items) == 18
    one = items["forecast.run.completed"]
    assert one["event_type"] == "forecast.run.completed.v1"
    assert one["titles"] == {"en": "Forecast updated", "ru": "Прогноз обновлён"}
    again = await client.post("/v1/templates/forecast.run.completed/preview", json={"data": one["sample"]})
    assert again.status_code == 200


async def test_a_preview_renders_in_the_wanted_language(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/templates/data.import.completed/preview", json={"language": "ru"})
    body = response.json()
    assert body["html"].startswith("📥 <b>Загрузка завершена: продажи</b>")
    assert body["text"].startswith("📥 Загрузка завершена: продажи")
    assert body["messages"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"language": "de"}, "/language"),
        ({"data": []}, "/data"),
        ({"data": {}}, "/data/run_id"),
        ({"source": "{{ 1 }}"}, "/source"),
    ],
)
async def test_a_wrong_preview_is_told_which_field(
    client: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    problem = assert_problem(await client.post("/v1/templates/forecast.run.completed/preview", json=body), 422)
    assert pointer in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize("name", ["data.stock.changed", "nothing", "_parts", "..%2f..%2fetc%2fpasswd", "x" * 300])
async def test_a_template_that_does_not_exist_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.post(f"/v1/templates/{name}/preview", json={})).status_code in {404, 422}


async def test_numbers_beyond_all_measure_do_not_break_a_preview(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/templates")).json()["items"]
    sample = next(item["sample"] for item in listed if item["name"] == "forecast.run.completed")
    text = str(httpx.Request("POST", "http://x", json={"data": sample | {"duration_seconds": 7}}).content, "utf-8")
    response = await client.post(
        "/v1/templates/forecast.run.completed/preview",
        content=text.replace('"duration_seconds":7', '"duration_seconds":1e999'),
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 200
    assert "Took INF" in response.json()["text"]
