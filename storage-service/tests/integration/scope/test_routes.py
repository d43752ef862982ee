"""A limited caller: exports hold only the caller's rows, and other people's exports and files are not there."""

import csv
import io
from itertools import product
from typing import Any

import httpx
import pytest
from tests.fakes.forecast import FakeForecast, recommendation

from shared.testing.conformance import assert_problem
from shared.testing.identities import TEST_KEYS, identity_headers, scope_claim
from storage_service.app import create_app
from storage_service.exports.jobs import ExportJobs
from storage_service.resources import Resources
from storage_service.settings import Settings

ANNA = "00000000-0000-7000-8000-0000000000aa"
BORIS = "00000000-0000-7000-8000-0000000000bb"
SCOPES: list[dict[str, list[str]]] = [
    scope_claim(categories=["Fruit"]),
    scope_claim(suppliers=["S0", "S2"]),
    scope_claim(warehouses=["W1"]),
    scope_claim(categories=["Хлеб", "Fruit"], suppliers=["S1"], warehouses=["W0", "W2"]),
    scope_claim(categories=[], suppliers=[], warehouses=[]),
]
COMPANY = [
    recommendation(number, category=category, supplier=supplier, supplier_name=supplier, warehouse=warehouse)
    for number, (category, supplier, warehouse) in enumerate(
        product(("Fruit", "Dairy", "Хлеб", ""), ("S0", "S1", "S2"), ("W0", "W1", "W2"))
    )
]
# Reading routes: who sees what there, and the test that shows it.
DECIDED = {
    "/v1/exports",
    "/v1/exports/{export_id}",
    "/v1/exports/{export_id}/content",
    "/v1/files",
    "/v1/files/{file_id}",
    "/v1/files/{file_id}/content",
}
# Names and addresses of spreadsheets, states of backups: no row of the company's data.
WITHOUT_ROWS = {
    "/v1/spreadsheets",
    "/v1/backups",
    "/v1/backups/{backup_id}",
    "/v1/restorations",
    "/v1/restorations/{restoration_id}",
}


@pytest.fixture(autouse=True)
def plan(forecast: FakeForecast) -> None:
    forecast.items = COMPANY


@pytest.fixture
async def jobs(resources: Resources) -> ExportJobs:
    return ExportJobs(resources)


def as_person(subject: str, scope: dict[str, list[str]] | None = None) -> dict[str, str]:
    claims: dict[str, Any] = {} if scope is None else {"scope": scope}
    return identity_headers("storage", sub=subject, roles=["buyer"], **claims)


def inside(scope: dict[str, list[str]], row: dict[str, Any]) -> bool:
    limits = (("categories", "category"), ("suppliers", "supplier"), ("warehouses", "warehouse"))
    return all(name not in scope or row[column] in scope[name] for name, column in limits)


async def exported(client: httpx.AsyncClient, jobs: ExportJobs, headers: dict[str, str]) -> str:
    answer = await client.post("/v1/exports", json={"format": "csv"}, headers=headers)
    assert answer.status_code == 202, answer.text
    assert await jobs.run_next()
    path: str = answer.headers["location"]
    return path


def test_every_reading_route_has_a_decision(settings: Settings) -> None:
    documented = create_app(settings, TEST_KEYS).openapi()["paths"].items()
    reading = {path for path, methods in documented if path.startswith("/v1/") and "get" in methods}
    assert reading == DECIDED | WITHOUT_ROWS


@pytest.mark.parametrize("scope", SCOPES)
async def test_an_export_holds_only_the_rows_of_whoever_ordered_it(
    client: httpx.AsyncClient, jobs: ExportJobs, scope: dict[str, list[str]]
) -> None:
    headers = as_person(ANNA, scope)
    path = await exported(client, jobs, headers)
    content = (await client.get(f"{path}/content", headers=headers)).content.decode("utf-8-sig")
    _, *rows = csv.reader(io.StringIO(content))
    shown = {row[0] for row in rows}
    own = {row["sku"] for row in COMPANY if inside(scope, row)}
    assert shown == own
    assert (await client.get(path, headers=headers)).json()["rows"] == len(own)


async def test_an_export_is_there_for_its_maker_within_the_scope_it_was_made_for_and_for_the_unlimited(
    client: httpx.AsyncClient, jobs: ExportJobs
) -> None:
    scope = SCOPES[1]
    path = await exported(client, jobs, as_person(ANNA, scope))
    may = [as_person(ANNA, scope), as_person(ANNA), as_person(BORIS), {}]
    may_not = [as_person(BORIS, scope), as_person(ANNA, SCOPES[2]), as_person(ANNA, scope_claim(suppliers=["S0"]))]
    for headers, is_visible in [(each, True) for each in may] + [(each, False) for each in may_not]:
        listed = (await client.get("/v1/exports", headers=headers)).json()["items"]
        assert len(listed) == is_visible
        for concrete in (path, f"{path}/content"):
            answer = await client.get(concrete, headers=headers)
            if is_visible:
                assert answer.status_code == 200, answer.text
            else:
                assert_problem(answer, 404, "export_not_found")


async def test_an_export_of_the_whole_company_is_not_there_for_the_limited(
    client: httpx.AsyncClient, jobs: ExportJobs
) -> None:
    for maker in (BORIS, ANNA):
        path = await exported(client, jobs, as_person(maker))
        file_id = (await client.get(path)).json()["file_id"]
        limited = as_person(ANNA, SCOPES[0])
        assert_problem(await client.get(path, headers=limited), 404, "export_not_found")
        if maker == BORIS:
            assert_problem(await client.get(f"/v1/files/{file_id}/content", headers=limited), 404, "file_not_found")
    assert (await client.get("/v1/exports", headers=as_person(ANNA, SCOPES[0]))).json()["items"] == []


async def test_the_limited_do_not_write_into_a_spreadsheet_of_others(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/exports", json={"format": "sheets"}, headers=as_person(ANNA, SCOPES[0]))
    assert_problem(answer, 403, "outside_scope")


async def test_files_of_others_are_not_there_for_the_limited(client: httpx.AsyncClient) -> None:
    owners = {}
    for owner in (ANNA, BORIS):
        answer = await client.post(
            "/v1/files", params={"filename": "a.txt"}, content=owner.encode(), headers=as_person(owner)
        )
        owners[answer.json()["id"]] = owner
    limited = as_person(ANNA, SCOPES[0])
    listed = (await client.get("/v1/files", headers=limited)).json()["items"]
    assert [file["owner"] for file in listed] == [ANNA]
    for file_id, owner in owners.items():
        for path in (f"/v1/files/{file_id}", f"/v1/files/{file_id}/content"):
            assert (await client.get(path, headers=limited)).status_code == (200 if owner == ANNA else 404)
            assert (await client.get(path)).status_code == 200
        deleted = await client.delete(f"/v1/files/{file_id}", headers=limited)
        assert deleted.status_code == (204 if owner == ANNA else 404)
