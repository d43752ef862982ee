"""Spreadsheets through their routes, and the plan exported into one."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fakes.forecast import FakeForecast, recommendation
from tests.fakes.google_sheets import FakeGoogle

from shared.testing.conformance import assert_problem
from storage_service.exports.jobs import ExportJobs
from storage_service.resources import open_resources
from storage_service.settings import Settings


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        yield fake
        assert fake.violations() == []


@pytest.fixture
def settings(settings_of: Callable[..., Settings], google: FakeGoogle, tmp_path: Path) -> Settings:
    return settings_of(
        google_credentials_file=google.write_credentials(tmp_path / "account.json"), google_base_url=google.base_url
    )


@pytest.fixture
async def buyer(client_of: Callable[..., Any], settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings, roles=["buyer"]) as client:
        yield client


async def register(client: httpx.AsyncClient, name: str, spreadsheet: str) -> httpx.Response:
    return await client.post("/v1/spreadsheets", json={"name": name, "spreadsheet": spreadsheet})


async def exported(client: httpx.AsyncClient, settings: Settings, **body: Any) -> dict[str, Any]:
    response = await client.post("/v1/exports", json={"format": "sheets", **body})
    assert response.status_code == 202, response.text
    async with open_resources(settings) as resources:
        assert await ExportJobs(resources).run_next()
    return (await client.get(f"/v1/exports/{response.json()['id']}")).json()


async def test_the_plan_is_published_into_the_registered_spreadsheet(
    client: httpx.AsyncClient, settings: Settings, google: FakeGoogle, forecast: FakeForecast
) -> None:
    spreadsheet = google.add_spreadsheet("Purchasing")
    forecast.items = [recommendation(1, name="=1+1"), recommendation(2)]
    response = await register(client, "plans", f"https://docs.google.com/spreadsheets/d/{spreadsheet.key}/edit")
    assert (response.status_code, response.json()["title"]) == (201, "Purchasing")
    export = await exported(client, settings, language="ru")
    assert (export["status"], export["rows"], export["file_id"]) == ("completed", 2, None)
    assert spreadsheet.key in export["url"]
    rows = spreadsheet.sheet("План").rows()
    assert rows[0][0] == "Артикул"
    assert rows[1][1] == "=1+1"
    assert rows[1][10] == 46349  # 2026-11-23 as a serial day
    assert spreadsheet.sheet("План").formulas == set()
    totals = [row for row in spreadsheet.sheet("Сводка").rows() if row[0] == "Итого"]
    assert totals[0][2] == 2
    problem = assert_problem(await client.get(f"/v1/exports/{export['id']}/content"), 409, "export_not_ready")
    assert export["url"] in problem["detail"]


async def test_the_spreadsheet_of_the_settings_needs_no_registration(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings], google: FakeGoogle, settings: Settings
) -> None:
    key = google.add_spreadsheet().key
    changed = settings.model_copy(update={"google_spreadsheet_key": key})
    async with client_of(changed) as client:
        assert (await exported(client, changed))["status"] == "completed"


async def test_which_spreadsheet_must_be_clear(client: httpx.AsyncClient, google: FakeGoogle) -> None:
    order = {"format": "sheets"}
    assert_problem(await client.post("/v1/exports", json=order), 409, "spreadsheet_not_registered")
    for name in ("one", "two"):
        await register(client, name, google.add_spreadsheet().key)
    problem = assert_problem(await client.post("/v1/exports", json=order), 409, "spreadsheet_not_registered")
    assert "name one" in problem["detail"]
    named = await client.post("/v1/exports", json={**order, "spreadsheet": "three"})
    assert_problem(named, 409, "spreadsheet_not_registered")
    assert (await client.post("/v1/exports", json={**order, "spreadsheet": "two"})).status_code == 202


async def test_permissions_lost_after_the_registration_fail_the_export_with_the_remedy(
    client: httpx.AsyncClient, settings: Settings, google: FakeGoogle
) -> None:
    spreadsheet = google.add_spreadsheet()
    await register(client, "plans", spreadsheet.key)
    spreadsheet.editors.clear()
    export = await exported(client, settings)
    assert (export["status"], export["problem"]["code"]) == ("failed", "spreadsheet_not_shared")
    assert "Share it with" in export["problem"]["detail"]


async def test_wrong_registrations_are_refused(client: httpx.AsyncClient, google: FakeGoogle) -> None:
    assert_problem(await register(client, "x", "not a key"), 422, "invalid_spreadsheet_key")
    assert_problem(await register(client, "x", "k" * 40), 404, "spreadsheet_not_found")
    assert_problem(await register(client, " ", "k" * 40), 422, "invalid_request")
    private = google.add_spreadsheet(role=None).key
    assert_problem(await register(client, "x", private), 409, "spreadsheet_not_shared")
    key = google.add_spreadsheet().key
    assert (await register(client, "x", key)).status_code == 201
    assert_problem(await register(client, "x", key), 409, "spreadsheet_name_taken")


async def test_a_registered_spreadsheet_can_be_forgotten(client: httpx.AsyncClient, google: FakeGoogle) -> None:
    spreadsheet = (await register(client, "x", google.add_spreadsheet().key)).json()
    assert [item["name"] for item in (await client.get("/v1/spreadsheets")).json()["items"]] == ["x"]
    path = f"/v1/spreadsheets/{spreadsheet['id']}"
    assert (await client.delete(path)).status_code == 204
    assert_problem(await client.delete(path), 404, "spreadsheet_not_found")
    assert (await client.get("/v1/spreadsheets")).json()["items"] == []


async def test_buyers_may_not_choose_where_plans_go(buyer: httpx.AsyncClient, google: FakeGoogle) -> None:
    assert_problem(await register(buyer, "x", google.add_spreadsheet().key), 403, "forbidden")
    missing = "0192f000-0000-7000-8000-000000000000"
    assert_problem(await buyer.delete(f"/v1/spreadsheets/{missing}"), 403, "forbidden")


async def test_without_credentials_nothing_can_be_registered(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings]
) -> None:
    async with client_of(settings_of()) as client:
        problem = assert_problem(await register(client, "x", "k" * 40), 409, "google_sheets_not_configured")
    assert "STORAGE_GOOGLE_CREDENTIALS_FILE" in problem["detail"]
